import type { TimelineHead } from "#contracts/timelines.ts";
import { repeatEvery } from "#platform/module/repeat.ts";

/** A person's devices are told of what comes often at most this often, and of the latest of it. */
export const tellEveryMs = 5_000;
/** Whoever was told from then until then is not told again yet. What is farther ahead is of a clock that is wrong. */
export const toldLately = (nowMs: number) => ({ fromMs: nowMs - tellEveryMs + 1, toMs: nowMs + tellEveryMs });

/** Whose timelines have got how far, and when the next of those that wait are due. */
export interface LateTold {
  heads: TimelineHead[];
  nextAtMs: number | undefined;
}

/** For what a process that died has left untold. */
const lookEveryMs = 60_000;
/** Clocks of others may be behind. */
const marginMs = 100;

/** Tells, when it is due, what `tellLate` finds waiting; looks at it at times that it is told, and now and then. */
export function startLateTeller(
  tellLate: () => Promise<LateTold>,
  reached: (heads: TimelineHead[]) => void,
  onError: (error: unknown) => void,
): { tellAt(atMs: number): void; stop(): Promise<void> } {
  let timer: NodeJS.Timeout | undefined;
  let timerMs = Number.POSITIVE_INFINITY;
  let telling: Promise<void> | undefined;

  async function look(): Promise<void> {
    let nextAtMs: number | undefined = 0;
    while (nextAtMs !== undefined && nextAtMs <= Date.now()) {
      const told: LateTold = await tellLate();
      reached(told.heads);
      nextAtMs = told.nextAtMs;
    }
    if (nextAtMs !== undefined) tellAt(nextAtMs);
  }
  function tellAt(atMs: number): void {
    if (atMs >= timerMs) return;
    clearTimeout(timer);
    timerMs = atMs;
    timer = setTimeout(
      () => {
        timerMs = Number.POSITIVE_INFINITY;
        telling = look().catch(onError);
      },
      // A clock that was wrong may have said when: what is later is looked for sooner, and no timer takes it all.
      Math.min(Math.max(atMs - Date.now(), 0), lookEveryMs) + marginMs,
    );
    timer.unref();
  }
  const stopLooking = repeatEvery(lookEveryMs, look, onError);
  return {
    tellAt,
    async stop() {
      clearTimeout(timer);
      await Promise.all([stopLooking(), telling]);
      clearTimeout(timer);
    },
  };
}
