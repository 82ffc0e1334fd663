import { expect, test } from "vitest";
import { rateLimit } from "#platform/protect/rate-limit.ts";
import { playTokens } from "../play-tokens.ts";
import { minuteMs } from "../rules.ts";
import { storePlays, type ToldPlay } from "../store-plays.ts";
import { beginSessions } from "./begin-sessions.ts";
import { isNowSomewhere, report } from "./report.ts";

const tokens = playTokens("a secret of more than thirty-two bytes", new Map());
const unlimited = { take: async () => {} };
const watchable = async (ids: string[]) => new Map(ids.map((id) => [id, { authorId: "9", durationMs: 0 }]));
const call = { traceId: "1", callerId: "5" } as never;

test("a watcher begins only so many plays of a video, and of another one as many", async () => {
  let refused = 0;
  const begin = beginSessions({
    ...{ tokens, watchable, guestPlays: unlimited, tooMany: () => refused++ },
    watcherOf: async () => ({ userId: "5", viewer: "7", kept: true }),
    plays: rateLimit({ burst: 2, perMinute: 1, nowMs: () => 0 }),
  });
  const begun: number[] = [];
  for (const videoIds of [["1"], ["1"], ["1", "2"]])
    begun.push((await begin({ videoIds } as never, call)).sessions!.length);
  expect(begun).toEqual([1, 1, 1]);
  expect(refused).toBe(1);
});

test("pictures are looked through no more often than there was time for", async () => {
  const stored: ToldPlay[] = [];
  const tell = report({
    ...{
      tokens,
      watchable,
      entriesOf: unlimited,
      reportEveryMs: () => 1,
      refused: () => {},
      isClosed: () => false,
    },
    store: async (told) => stored.push(...told),
    history: undefined as never,
  });
  const token = tokens.issue({
    ...{ videoId: "1", authorId: "9", userId: "5", viewer: "7", durationMs: 0, kept: true },
    startedMs: Date.now() - minuteMs,
  });
  const entry = {
    token,
    atMs: Date.now(),
    positionMs: 0,
    watchedMs: 10_000,
    ended: true,
    source: 0,
    picture: 1,
  };
  const entries = [10, 1_000, 2 ** 31 - 1].map((loops) => ({ ...entry, loops }));
  expect(await tell({ entries, today: "" } as never, call)).toMatchObject({
    accepted: 1,
    refused: [
      { index: 1, reason: "PLAY_TOO_LONG" },
      { index: 2, reason: "PLAY_TOO_LONG" },
    ],
  });
  expect(stored.map(({ told }) => told.loops)).toEqual([10]);
});

test("a day is told of when it is one, and there is such a day somewhere", () => {
  const nowMs = Date.UTC(2026, 11, 1, 2);
  const days = [
    "2026-11-29",
    "2026-11-30",
    "2026-11-31",
    "2026-12-01",
    "2026-12-02",
    "2026-12-32",
    "today",
    "",
  ];
  expect(days.filter((day) => isNowSomewhere(day, nowMs))).toEqual([
    "2026-11-30",
    "2026-12-01",
    "2026-12-02",
  ]);
});

test("plays of one session that began at different times are told apart in one batch", async () => {
  const times: number[] = [];
  const store = storePlays(
    async (plays) => void times.push(...plays.map(({ startedMs }) => startedMs)),
    () => {},
  );
  const play = {
    ...{
      videoId: "1",
      authorId: "9",
      userId: "5",
      viewer: "7",
      durationMs: 10_000,
      session: "3",
      kept: true,
    },
    startedMs: 0,
  };
  const told = { atMs: 1, positionMs: 1, watchedMs: 1, loops: 0, ended: false, source: 0, picture: 0 };
  const all = [0, 0, 30 * minuteMs].map((startedMs) => ({
    play: { ...play, startedMs },
    told,
    furthestMs: 1,
  }));
  await Promise.all(all.map((one) => store([one], {})));
  expect(times).toEqual([0, 30 * minuteMs]);
});
