const defaultEveryMs = 60_000;
/** Strangers choose some of the names. */
const mostNames = 100;

/**
 * Whether something of this name is to be said now: at first, and again after a minute. Of more than a hundred names
 * within one, the later ones are not said, so that nobody fills the log.
 */
export function nowAndThen(
  nowMs: () => number = () => performance.now(),
  everyMs = defaultEveryMs,
): (name: string) => boolean {
  /** In the order in which they were said. */
  const said = new Map<string, number>();
  return (name) => {
    const now = nowMs();
    for (const [other, atMs] of said) {
      if (now - atMs < everyMs) break;
      said.delete(other);
    }
    if (said.has(name) || said.size >= mostNames) return false;
    said.set(name, now);
    return true;
  };
}
