/** Guards one instance: after failures in a row it is not called, then by one call at a time to try it. */
export interface CircuitBreaker {
  /** `half-open`: the next call is a probe; while that is under way it is `open`. */
  state(): "closed" | "half-open" | "open";
  /** A call begins; it must end with one of the other three. */
  begin(): void;
  succeeded(): void;
  failed(): void;
  /** It ended without telling anything, as when its caller is gone. */
  abandoned(): void;
  /** How long until the next probe, in milliseconds. */
  openForMs(): number;
}

const failuresToOpen = 5;
const firstMs = 500;
const longestMs = 8_000;

export function createCircuitBreaker(clock: { now: () => number; random: () => number }): CircuitBreaker {
  let failures = 0;
  /** How often it has opened without a success since. */
  let opened = 0;
  let openUntilMs = 0;
  let probing = false;

  function state() {
    if (opened === 0) return "closed";
    return probing || clock.now() < openUntilMs ? "open" : "half-open";
  }
  return {
    state,
    begin() {
      if (state() === "half-open") probing = true;
    },
    succeeded() {
      failures = 0;
      opened = 0;
      probing = false;
    },
    failed() {
      failures++;
      const isProbe = probing && clock.now() >= openUntilMs;
      if (!isProbe && (opened > 0 || failures < failuresToOpen)) return;
      probing = false;
      const forMs = Math.min(longestMs, firstMs * 2 ** opened);
      opened++;
      openUntilMs = clock.now() + forMs * (0.75 + 0.5 * clock.random());
    },
    abandoned() {
      probing = false;
    },
    openForMs: () => (opened === 0 ? 0 : Math.max(0, openUntilMs - clock.now())),
  };
}
