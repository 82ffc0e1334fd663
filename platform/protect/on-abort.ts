interface Waiting {
  acts: Set<() => void>;
  actAll(): void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/**
 * Does something when the signal fires, unless the function that it returns is called before. However many wait for
 * one signal, it has one listener, for as long as somebody waits: Node.js takes many for a leak, and each costs as much
 * as a small statement.
 */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
  const { acts, actAll } = waiting.get(signal) ?? listen(signal);
  acts.add(act);
  return () => {
    if (!acts.delete(act) || acts.size > 0 || waiting.get(signal)?.acts !== acts) return;
    waiting.delete(signal);
    signal.removeEventListener("abort", actAll);
  };
}

function listen(signal: AbortSignal): Waiting {
  const acts = new Set<() => void>();
  const actAll = () => {
    for (const each of acts) each();
  };
  waiting.set(signal, { acts, actAll });
  signal.addEventListener("abort", actAll, { once: true });
  return { acts, actAll };
}
