import { againMs } from "../api/client.ts";
import { Problem } from "../api/problem.ts";

interface Options {
  /** Rejects if the server could not be asked. */
  check: () => Promise<unknown>;
  everyMs: number;
  /** The page: nothing is requested while it is hidden, and at once when it is shown again. */
  page: Pick<Document, "hidden" | "addEventListener" | "removeEventListener">;
}

const MAX_DOUBLINGS = 5;

/** Polls, one request at a time, less often while it fails and no sooner than the server said. Returns a function that stops it. */
export function startPolling({ check, everyMs, page }: Options): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let failure: unknown;
  let asking = false;
  let stopped = false;

  function plan() {
    clearTimeout(timer);
    if (!stopped && !page.hidden)
      timer = setTimeout(
        ask,
        failures === 0 ? everyMs : againMs(failure, everyMs * 2 ** Math.min(failures, MAX_DOUBLINGS)),
      );
  }
  async function ask() {
    if (asking) return;
    asking = true;
    try {
      await check();
      failures = 0;
      failure = undefined;
    } catch (error) {
      failures++;
      failure = error;
    }
    asking = false;
    plan();
  }
  function look() {
    if (page.hidden) return clearTimeout(timer);
    // Whoever comes back too early asks nothing, and that is no failure.
    if (failure instanceof Problem && failure.retryAtMs > Date.now()) return plan();
    void ask();
  }
  page.addEventListener("visibilitychange", look);
  plan();
  return () => {
    stopped = true;
    clearTimeout(timer);
    page.removeEventListener("visibilitychange", look);
  };
}
