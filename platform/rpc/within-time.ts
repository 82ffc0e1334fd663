/**
 * Does work whose signal aborts after a time, or with one of `others`. Node.js 20 collects an `AbortSignal.timeout` that
 * only an `AbortSignal.any` holds, and what waits for that waits for ever; a timer of one's own is kept.
 */
export async function withinTime<T>(
  ms: number,
  others: readonly AbortSignal[],
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const timer = setTimeout(
    () => late.abort(new DOMException("It took too long.", "TimeoutError")),
    ms,
  ).unref();
  try {
    return await work(AbortSignal.any([late.signal, ...others]));
  } finally {
    clearTimeout(timer);
  }
}
