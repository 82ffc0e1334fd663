import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createReporter } from "./reporter.ts";
import type { Entry } from "./showing.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const film = (id: string, durationMs = 20_000) => ({ id, durationMs });
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A server that gives tokens and remembers what it was told. */
function reporting({
  everyMs = 10_000,
  unknown = [] as string[],
  day = undefined as string | undefined,
} = {}) {
  const asked: string[][] = [];
  const told: { entries: Entry[]; today?: string }[] = [];
  const last: Entry[][] = [];
  const refused: { index: number; reason: string }[] = [];
  const state = {
    everyMs,
    refused,
    fails: undefined as number | undefined,
    day,
    answers: Promise.resolve(),
    sleptMs: 0,
  };
  let tokens = 0;
  const reporter = createReporter({
    async begin(ids) {
      asked.push(ids);
      if (state.fails !== undefined) throw new Error("away");
      return ids.flatMap((videoId) =>
        unknown.includes(videoId) ? [] : { videoId, token: `${videoId}.${++tokens}` },
      );
    },
    async tell(report) {
      told.push(report);
      await state.answers;
      if (state.fails !== undefined) throw new Error("away");
      return { accepted: report.entries.length, refused: state.refused, reportEveryMs: state.everyMs };
    },
    tellLast(report) {
      last.push(report.entries);
      return true;
    },
    againMs: (_, failures) => state.fails && state.fails * failures,
    today: () => state.day,
    saidToday: () => {
      state.day = undefined;
    },
    now: () => Date.now() - state.sleptMs,
    clockMs: Date.now,
  });
  /** Plays as a film does, which tells four times a second where it is. */
  async function play(
    watching: ReturnType<typeof reporter.watch>,
    forMs: number,
    fromMs = 0,
    lengthMs = 20_000,
  ) {
    for (let ms = 0; ms <= forMs; ms += 250) {
      if (ms > 0) await pass(250);
      watching.run(true);
      watching.at(((fromMs + ms) % lengthMs) / 1000, 1);
    }
  }
  return { reporter, asked, told, last, state, play };
}

it("tells of a film when it has become a view, then every ten seconds, and when it has left the screen", async () => {
  const { reporter, told, play } = reporting();
  const one = reporter.watch(film("1"), "feed");
  await play(one, 2_750);
  expect(told).toEqual([]);
  await play(one, 750, 2_750);
  expect(told).toHaveLength(1);
  expect(told[0]!.entries).toMatchObject([{ token: "1.1", from: "feed", loops: 0, ended: false }]);
  expect(told[0]!.entries[0]!.watchedMs).toBeGreaterThanOrEqual(3_000);
  await play(one, 10_250, 3_500);
  expect(told).toHaveLength(2);
  one.end();
  await pass(1_500);
  expect(told).toHaveLength(3);
  expect(told[2]!.entries[0]).toMatchObject({ positionMs: 13_750, ended: false });
  await pass(60_000);
  expect(told).toHaveLength(3);
});

it("counts neither pauses nor the time before there was a session", async () => {
  const { reporter, told, play } = reporting();
  const one = reporter.watch(film("1"), "feed");
  await play(one, 1_000);
  one.run(false);
  await pass(30_000);
  await play(one, 1_000, 1_000);
  // A device that slept tells nothing meanwhile.
  await pass(100_000);
  one.end();
  await pass(1_500);
  const { watchedMs } = told.at(-1)!.entries[0]!;
  expect(watchedMs).toBeGreaterThan(3_900);
  expect(watchedMs).toBeLessThanOrEqual(4_000);
});

it("asks for many at once, uses each token for one showing, and tells several together", async () => {
  const { reporter, asked, told, play } = reporting();
  const first = reporter.watch(film("1"), "feed");
  first.run(true);
  reporter.comeNear(["2", "3", "4", "5"]);
  await pass(100);
  expect(asked).toEqual([["1", "2", "3", "4", "5"]]);
  first.end();
  for (const id of ["2", "3"]) {
    const next = reporter.watch(film(id), "feed");
    await play(next, 250);
    next.end();
    reporter.comeNear(["4", "5"]);
  }
  expect(asked).toHaveLength(1);
  await pass(2_000);
  expect(told.map(({ entries }) => entries.map(({ token }) => token))).toEqual([["1.1", "2.2", "3.3"]]);
  const again = reporter.watch(film("2"), "feed");
  await play(again, 3_500);
  expect(asked[1]).toEqual(["2"]);
  expect(told[1]!.entries.map(({ token }) => token)).toEqual(["2.6"]);
});

it("counts loops, no more than there was time for, and says that the end was seen", async () => {
  const { reporter, told, play } = reporting();
  const one = reporter.watch(film("1", 4_000), "link");
  await play(one, 9_000, 0, 4_000);
  one.end();
  await pass(1_500);
  expect(told.at(-1)!.entries[0]).toMatchObject({ loops: 2, ended: true, from: "link" });
  expect(reporter.leftAt("1")).toBeNull();
  const two = reporter.watch(film("2", 4_000), "link");
  await play(two, 1_000);
  two.end();
  expect(reporter.leftAt("2")).toEqual({ positionMs: 1_000, picture: null });
});

it("tells of pictures how long they were shown and which", async () => {
  const { reporter, told } = reporting();
  const post = reporter.watch(film("1", 0), "profile");
  post.run(true);
  post.showsPicture(1, false);
  await pass(5_000);
  post.showsPicture(4, true);
  await pass(30_000);
  post.end();
  await pass(1_500);
  expect(told[0]!.entries[0]).toMatchObject({ picture: 1, ended: false, positionMs: 0 });
  expect(told.at(-1)!.entries[0]).toMatchObject({ picture: 4, ended: true, loops: 0 });
  expect(told.at(-1)!.entries[0]!.watchedMs).toBeGreaterThan(34_000);
});

it("tries again after a failure, later each time, and loses nothing", async () => {
  const { reporter, asked, told, state, play } = reporting();
  const one = reporter.watch(film("1"), "feed");
  await play(one, 1_000);
  state.fails = 5_000;
  one.end();
  await pass(16_000);
  // At once, 5 s and 10 s after that.
  expect(told).toHaveLength(3);
  const two = reporter.watch(film("2"), "feed");
  await play(two, 1_000);
  two.end();
  state.fails = undefined;
  reporter.hurry();
  await pass(1_500);
  expect(asked.at(-1)).toEqual(["2"]);
  const got = new Set(told.slice(3).flatMap(({ entries }) => entries.map(({ token }) => token)));
  expect(got).toEqual(new Set(["1.1", "2.2"]));
  await pass(60_000);
  const count = told.length;
  await pass(600_000);
  expect(told).toHaveLength(count);
});

it("tells a server that has much to do as seldom as it says", async () => {
  const { reporter, told, play } = reporting({ everyMs: 60_000 });
  const one = reporter.watch(film("1"), "feed");
  await play(one, 3_500);
  one.end();
  const two = reporter.watch(film("2"), "feed");
  await play(two, 50_000);
  expect(told).toHaveLength(1);
  await play(two, 15_000);
  expect(told).toHaveLength(2);
  expect(told[1]!.entries.map(({ token }) => token)).toEqual(["1.1", "2.2"]);
});

it("hands over what was not told when the page goes away, and goes on when it comes back", async () => {
  const { reporter, told, last, play } = reporting();
  const one = reporter.watch(film("1"), "feed");
  await play(one, 1_000);
  reporter.leave();
  expect(last).toHaveLength(1);
  expect(last[0]).toMatchObject([{ token: "1.1", positionMs: 1_000 }]);
  one.run(false);
  await play(one, 3_000, 1_000);
  expect(told.at(-1)!.entries[0]!.watchedMs).toBeGreaterThan(3_000);
});

it("is silent about what may not be told, and about what was never seen", async () => {
  const { reporter, asked, told, play } = reporting({ unknown: ["9"] });
  for (let round = 0; round < 3; round++) {
    const draft = reporter.watch(film("9"), "feed");
    await play(draft, 4_000);
    draft.end();
  }
  reporter.watch(film("8"), "feed").end();
  await pass(60_000);
  expect([asked, told]).toEqual([[["9"]], []]);
});

it("tells once more of what was too much for the server, but not for ever", async () => {
  const { reporter, told, state, play } = reporting();
  state.refused = [{ index: 0, reason: "PLAY_TOO_LONG" }];
  const one = reporter.watch(film("1"), "feed");
  await play(one, 1_000);
  one.end();
  await pass(60_000);
  expect(told).toHaveLength(3);
  state.refused = [{ index: 0, reason: "VIDEO_NOT_FOUND" }];
  const two = reporter.watch(film("2"), "feed");
  await play(two, 1_000);
  two.end();
  await pass(60_000);
  expect(told).toHaveLength(4);
});

it("names the day until that was answered", async () => {
  const { reporter, told, play } = reporting({ day: "2026-11-30" });
  for (const id of ["1", "2"]) {
    const one = reporter.watch(film(id), "feed");
    await play(one, 3_500);
    one.end();
    await pass(2_000);
  }
  expect(told.map(({ today }) => today === undefined)).toEqual(
    [false, true, true, true].slice(0, told.length),
  );
});

it("keeps no more than so much of what cannot be told", async () => {
  const { reporter, told, state, play } = reporting();
  state.fails = 1_000_000;
  for (let i = 1; i <= 150; i++) {
    const one = reporter.watch(film(String(i)), "feed");
    await play(one, 250);
    one.end();
  }
  state.fails = undefined;
  reporter.hurry();
  await pass(30_000);
  const got = told.flatMap(({ entries }) => entries.map(({ token }) => token.split(".")[0]));
  expect(got).toHaveLength(100);
  expect(got).not.toContain("50");
});

it("says when what is told late was seen, not when it is sent", async () => {
  const { reporter, told, state, play } = reporting();
  const one = reporter.watch(film("1"), "feed");
  await play(one, 1_000);
  const leftMs = Date.now();
  one.end();
  state.fails = 30_000;
  await pass(2_000);
  state.fails = undefined;
  await pass(60_000);
  expect(told.length).toBeGreaterThan(1);
  expect(told.map(({ entries }) => entries[0]!.at)).toEqual(told.map(() => leftMs));
});

it("watches on in another session when the one is over", async () => {
  const { reporter, asked, told, state, play } = reporting();
  const one = reporter.watch(film("1", 60_000), "feed");
  reporter.comeNear(["2", "3", "4"]);
  await play(one, 4_000, 0, 60_000);
  expect(told).toHaveLength(1);
  state.refused.push({ index: 0, reason: "PLAY_TOKEN_EXPIRED" });
  await play(one, 10_000, 4_000, 60_000);
  state.refused.length = 0;
  expect(told).toHaveLength(2);
  const before = asked.flat().filter((id) => id === "1").length;
  await play(one, 10_000, 14_000, 60_000);
  expect(asked.flat().filter((id) => id === "1").length).toBe(before);
  expect(before).toBe(2);
  const [first, last] = [told[0]!.entries[0]!, told.at(-1)!.entries[0]!];
  expect(last.token).not.toBe(first.token);
  expect(last.token).toMatch(/^1\./);
  // Of the session that began when the other was refused.
  expect(last.watchedMs).toBeLessThan(11_000);
  expect(last.positionMs).toBeGreaterThan(14_000);
});

it("uses no token that grew old while the device slept", async () => {
  const { reporter, asked, told, state, play } = reporting();
  reporter.comeNear(["1", "2", "3"]);
  await pass(100);
  expect(asked).toEqual([["1", "2", "3"]]);
  state.sleptMs = 3_600_000;
  vi.setSystemTime(Date.now() + state.sleptMs);
  await play(reporter.watch(film("1"), "feed"), 4_000);
  expect(asked[1]).toEqual(["1"]);
  expect(told[0]!.entries[0]!.token).toBe("1.4");
});

it("tells of what was left before its token came when it can be believed", async () => {
  const { reporter, told, state, play } = reporting();
  state.fails = 4_000;
  const one = reporter.watch(film("1"), "feed");
  await play(one, 3_500);
  one.end();
  state.fails = undefined;
  await pass(10_000);
  expect(told).toHaveLength(1);
  expect(told[0]!.entries[0]!.watchedMs).toBeGreaterThanOrEqual(3_000);
});

it("tells later what it is too early for, also when it was woken by what was told meanwhile", async () => {
  const { reporter, told, last, state, play } = reporting();
  const one = reporter.watch(film("1"), "feed");
  await play(one, 3_500);
  one.run(false);
  // To be told ten seconds later; then it is, as the page may be going.
  reporter.leave();
  expect(last).toHaveLength(1);
  await pass(3_000);
  state.fails = 6_000;
  const two = reporter.watch(film("2"), "feed");
  await play(two, 3_250);
  two.end();
  state.fails = undefined;
  await pass(20_000);
  const ofTwo = told.flatMap(({ entries }) => entries).filter(({ token }) => token.startsWith("2."));
  expect(ofTwo).toHaveLength(1);
  expect(ofTwo[0]!.watchedMs).toBeGreaterThanOrEqual(3_000);
});

it("tells again, as the page goes, what has no answer yet, and where one went while it was paused", async () => {
  const { reporter, told, last, state, play } = reporting();
  const one = reporter.watch(film("1"), "feed");
  await play(one, 4_000);
  one.run(false);
  await pass(20_000);
  const times = told.length;
  one.at(15, 1);
  await pass(20_000);
  expect(told).toHaveLength(times + 1);
  expect(told.at(-1)!.entries[0]!.positionMs).toBe(15_000);
  one.end();
  const two = reporter.watch(film("2"), "feed");
  await play(two, 1_000);
  two.end();
  state.answers = new Promise(() => {});
  await pass(1_500);
  expect(told).toHaveLength(times + 2);
  reporter.leave();
  expect(last).toEqual([told.at(-1)!.entries]);
});
