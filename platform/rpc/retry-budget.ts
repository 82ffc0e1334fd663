/** How many calls may be sent a second time, so that retries never become the load that keeps a callee down. */
export interface RetryBudget {
  /** A call is made. */
  called(): void;
  /** Whether one more may be sent; it is counted. */
  take(): boolean;
}

/** Retries and hedges together, of all calls. */
const share = 0.1;
/** What may be saved up: enough for the calls that are under way at a process that is killed. */
const reserve = 100;

export function createRetryBudget(): RetryBudget {
  let tokens = reserve;
  return {
    called() {
      tokens = Math.min(reserve, tokens + share);
    },
    take() {
      if (tokens < 1) return false;
      tokens--;
      return true;
    },
  };
}
