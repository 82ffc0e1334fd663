/** A set of listeners for one change. */
export function createListeners() {
  const all = new Set<() => void>();
  return {
    /** Returns a function that removes the listener. */
    add(listener: () => void): () => void {
      all.add(listener);
      return () => all.delete(listener);
    },
    call() {
      for (const listener of all) listener();
    },
  };
}
