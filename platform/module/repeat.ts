/**
 * Does something now and then every `everyMs`, never twice at once; returns a function that ends it and waits for what is
 * under way. For chores that any process may do and that a restart may repeat; what must not be lost is a job.
 */
export function repeatEvery(
  everyMs: number,
  work: (stopping: AbortSignal) => Promise<unknown>,
  onError: (error: unknown) => void,
): () => Promise<void> {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const once = () => {
    running ??= work(stopping.signal)
      .then(
        () => {},
        (error) => {
          if (!stopping.signal.aborted) onError(error);
        },
      )
      .finally(() => {
        running = undefined;
      });
  };
  // After a long stop there is most to do.
  once();
  const timer = setInterval(once, everyMs);
  return async () => {
    clearInterval(timer);
    stopping.abort();
    await running;
  };
}
