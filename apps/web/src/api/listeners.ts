/** Who wants to know of a change. */
export function createListeners() {
  const all = new Set<() => void>();
  return {
    /** Returns how to stop listening. */
    add(listener: () => void): () => void {
      all.add(listener);
      return () => all.delete(listener);
    },
    call() {
      for (const listener of all) listener();
    },
  };
}
