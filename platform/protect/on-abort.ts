const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Does something when the signal fires, unless the function that it returns is called before. However many wait for
 * one signal, it has one listener: Node.js takes many for a leak, and each costs as much as a small statement.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  let acts = waiting.get(signal);
  if (!acts) {
    const all = new Set<() => void>();
    acts = all;
    waiting.set(signal, all);
    const actAll = () => {
      for (const each of all) each();
    };
    signal.addEventListener("abort", actAll, { once: true });
  }
  acts.add(act);
  return () => acts.delete(act);
}
