const usualMs = 10_000;
const longestMs = 60_000;
/** A batch that is stored so fast is no load. */
const easyMs = 500;

/** How long players should gather before they report again: longer where storing takes long. */
export function reportPace() {
  let everyMs = usualMs;
  return {
    stored(tookMs: number): void {
      everyMs = Math.round(Math.min(longestMs, usualMs * Math.max(1, tookMs / easyMs)));
    },
    everyMs: () => everyMs,
  };
}
