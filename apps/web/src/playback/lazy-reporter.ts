import type { Reporter, Watching } from "./reporter.ts";

/** Between two tries to load it. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** What is seen before it is there; of more, the latest. */
const MAX_EARLY = 10;

/**
 * A reporter that is loaded when something is first seen, so that the first film does not wait for its script. Until then
 * it remembers the last of what it was told of each kind.
 */
export function lazyReporter(load: () => Promise<Reporter>): Reporter {
  let loaded: Reporter | undefined;
  let isLoading = false;
  let failures = 0;
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  let near: readonly string[] = [];
  const early = new Set<() => void>();
  const hurry = () => {
    if (isLoading || performance.now() < notBeforeMs) return;
    isLoading = true;
    load().then(
      (reporter) => {
        loaded = reporter;
        reporter.comeNear(near);
        for (const begin of early) begin();
        early.clear();
      },
      () => {
        // The network is away, or the server; what is seen later tries again.
        isLoading = false;
        notBeforeMs = performance.now() + Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures++);
      },
    );
  };
  return {
    comeNear(videoIds) {
      near = videoIds;
      loaded?.comeNear(videoIds);
    },
    watch(video, from) {
      let watching: Watching | undefined;
      const told = new Map<keyof Watching, (to: Watching) => void>();
      const reach = () => {
        watching ??= loaded?.watch(video, from);
        return watching;
      };
      const begin = () => {
        for (const tell of told.values()) tell(reach()!);
      };
      const tell = (what: keyof Watching, act: (to: Watching) => void) => {
        const there = reach();
        if (there) return act(there);
        early.add(begin);
        for (const oldest of early) if (early.size > MAX_EARLY) early.delete(oldest);
        told.delete(what);
        told.set(what, act);
      };
      return {
        run(running) {
          if (running) hurry();
          tell("run", (to) => to.run(running));
        },
        at: (seconds, speed) => tell("at", (to) => to.at(seconds, speed)),
        showsPicture: (number, isLast) => tell("showsPicture", (to) => to.showsPicture(number, isLast)),
        end() {
          // What ended before anything could be measured tells nothing.
          told.clear();
          early.delete(begin);
          watching?.end();
        },
      };
    },
    leftAt: (videoId) => loaded?.leftAt(videoId),
    leave: () => loaded?.leave(),
    hurry: () => loaded?.hurry(),
    forget: () => loaded?.forget(),
  };
}
