import { describe, expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { dayMs, isEnough, mergeSession, minuteMs, type PlaySession, sharesOf, viewsAmong } from "./rules.ts";

const midnightMs = Date.UTC(2026, 10, 30);

function session(more: Partial<PlaySession> = {}): PlaySession {
  return {
    ...{ videoId: "1", viewer: "2", session: "3", authorId: "4", own: false, source: 0 },
    ...{
      startedMs: midnightMs,
      durationMs: 10_000,
      watchedMs: 3_000,
      furthestMs: 3_000,
      loops: 0,
      ended: false,
    },
    ...more,
  };
}
const at = (minute: number, more: Partial<PlaySession> = {}) =>
  session({ startedMs: midnightMs + minute * minuteMs, session: String(minute + 1), ...more });

describe("a view", () => {
  test("takes 3 s, or half of what is shorter than 6 s", () => {
    for (const [durationMs, watchedMs, enough] of [
      [10_000, 2_999, false],
      [10_000, 3_000, true],
      [4_000, 1_999, false],
      [4_000, 2_000, true],
      [6_000, 2_999, false],
      // A post of pictures.
      [0, 2_999, false],
      [0, 3_000, true],
    ] as const)
      expect(isEnough(session({ durationMs, watchedMs })), `${watchedMs} of ${durationMs}`).toBe(enough);
  });

  test("is followed by plays for 30 minutes", () => {
    const minutes = [0, 20, 29.99, 30, 59, 61];
    const views = viewsAmong(
      minutes.map((minute) => at(minute)),
      10,
    );
    expect(views.map(({ startedMs }) => (startedMs - midnightMs) / minuteMs)).toEqual([0, 30, 61]);
  });

  test("is none of the author, of what was skipped, nor beyond the most of a day", () => {
    expect(viewsAmong([at(0, { own: true }), at(40, { watchedMs: 10 })], 10)).toEqual([]);
    expect(
      viewsAmong(
        Array.from({ length: 20 }, (_, i) => at(i * 31)),
        3,
      ),
    ).toHaveLength(3);
  });

  test("is what begins first, whatever became one first", () => {
    const [first, second] = [at(0), at(10)];
    expect(viewsAmong([second, first], 10)).toEqual([first]);
    expect(viewsAmong([second, { ...first, watchedMs: 0 }], 10)).toEqual([second]);
  });
});

test("what a session adds", () => {
  expect(sharesOf([at(0, { source: 3, watchedMs: 5_000, furthestMs: 5_050 })], 10)).toEqual([
    {
      ...{ startedMs: midnightMs, source: 3, views: 1, viewers: 1, plays: 1, ownPlays: 0, watchMs: 5_000 },
      ...{ completions: 0, skips: 0, loops: 0, reached: 50 },
    },
  ]);
  const one = (more: Partial<PlaySession>) => sharesOf([session(more)], 10)[0]!;
  expect(one({ watchedMs: 1_999 })).toMatchObject({ views: 0, viewers: 0, plays: 1, skips: 1 });
  expect(one({ watchedMs: 1_999, ended: true, durationMs: 2_000 })).toMatchObject({
    ...{ completions: 1, skips: 0, reached: 100 },
  });
  expect(one({ loops: 2 })).toMatchObject({ completions: 1, loops: 2, reached: 100 });
  expect(one({ own: true })).toMatchObject({
    views: 0,
    plays: 0,
    ownPlays: 1,
    watchMs: 0,
    reached: undefined,
  });
  expect(one({ durationMs: 0 })).toMatchObject({ views: 1, reached: undefined });
});

const told = fc.record({
  watchedMs: fc.integer({ min: 0, max: 20_000 }),
  furthestMs: fc.integer({ min: 0, max: 10_000 }),
  loops: fc.integer({ min: 0, max: 3 }),
  ended: fc.boolean(),
  source: fc.integer({ min: 0, max: 9 }),
});

test("neither order nor repetition of what is told matters", () => {
  fc.assert(
    fc.property(
      fc
        .array(told, { minLength: 1, maxLength: 8 })
        .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: 0 }))),
      ([all, again]) => {
        const sum = (entries: typeof all) => entries.map((entry) => session(entry)).reduce(mergeSession);
        expect(sum([...all, ...again])).toEqual(sum(all));
        expect(sum([...again, ...all])).toEqual(sum(all));
      },
    ),
  );
});

test("views are at least 30 minutes apart, and whatever is left out begins within 30 minutes of one or is beyond the most", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: dayMs - 1 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 10 }),
      (starts, max) => {
        const all = starts.map((startMs, i) => at(startMs / minuteMs, { session: String(i + 1) }));
        const views = viewsAmong(all, max);
        expect(views.length).toBeLessThanOrEqual(max);
        const times = views.map(({ startedMs }) => startedMs);
        for (const [i, time] of times.slice(1).entries())
          expect(time - times[i]!).toBeGreaterThanOrEqual(30 * minuteMs);
        if (views.length === max) return;
        for (const { startedMs } of all)
          expect(times.some((time) => startedMs >= time && startedMs - time < 30 * minuteMs)).toBe(true);
      },
    ),
  );
});
