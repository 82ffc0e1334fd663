/** After so many failures in a row, nobody asks any more. */
const failuresToOpen = 3;
const firstProbeMs = 50;
const longestProbeMs = 1_000;

/** Keeps requests from waiting for what does not answer. */
export interface Breaker {
  /** Whether it is worth asking. */
  isClosed(): boolean;
  succeeded(): void;
  /** `probe` is repeated in the background until it succeeds, once it has failed too often. */
  failed(probe: () => Promise<unknown>): void;
  stop(): void;
}

/** No request is ever the one that tries whether it works again. */
export function createBreaker(): Breaker {
  let failures = 0;
  let probing: NodeJS.Timeout | undefined;
  let stopped = false;

  function probeAfter(waitMs: number, probe: () => Promise<unknown>): void {
    if (stopped) return;
    probing = setTimeout(
      async () => {
        try {
          await probe();
          failures = 0;
          probing = undefined;
        } catch {
          probeAfter(Math.min(longestProbeMs, waitMs * 2), probe);
        }
      },
      waitMs * (0.5 + Math.random()),
    );
    probing.unref();
  }

  return {
    isClosed: () => probing === undefined,
    succeeded() {
      failures = 0;
    },
    failed(probe) {
      failures++;
      if (failures >= failuresToOpen && probing === undefined) probeAfter(firstProbeMs, probe);
    },
    stop() {
      stopped = true;
      clearTimeout(probing);
    },
  };
}
