interface Options {
  /** Rejects if the server could not be asked. */
  check: () => Promise<unknown>;
  everyMs: number;
  /** The page: nothing is requested while it is hidden, and at once when it is shown again. */
  page: Pick<Document, "hidden" | "addEventListener" | "removeEventListener">;
}

const MAX_DOUBLINGS = 5;

/** Polls, one request at a time, less often while it fails. Returns a function that stops it. */
export function startPolling({ check, everyMs, page }: Options): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let asking = false;
  let stopped = false;

  function plan() {
    clearTimeout(timer);
    if (!stopped && !page.hidden) timer = setTimeout(ask, everyMs * 2 ** Math.min(failures, MAX_DOUBLINGS));
  }
  async function ask() {
    if (asking) return;
    asking = true;
    try {
      await check();
      failures = 0;
    } catch {
      failures++;
    }
    asking = false;
    plan();
  }
  const look = () => (page.hidden ? clearTimeout(timer) : void ask());
  page.addEventListener("visibilitychange", look);
  plan();
  return () => {
    stopped = true;
    clearTimeout(timer);
    page.removeEventListener("visibilitychange", look);
  };
}
