import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import {
  commentDeleted,
  commented,
  reacted,
  relationFollowed,
  relationUnfollowed,
  shared,
} from "#contracts/events.ts";
import type { Emit } from "#platform/events/event-type.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { countActs, countedActs } from "./count-acts.ts";
import { figuresStore, figureWindows, firstMs } from "./figures-store.ts";
import { markPersonGone, markVideosGone } from "./gone.ts";
import { migrations } from "./migrations.ts";
import { createPartitions, keptMs } from "./partitions.ts";
import { dayMs, hourMs, minuteMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("playback", "playback_1", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate playback.minute, playback.hour, playback.day, playback.total, playback.followers, " +
      "playback.gone_video, playback.person",
  );
});

const [video, author, eve, ben] = ["101", "1", "500", "501"];
/** Of these videos the author is found; nobody else can be asked. */
const askedFor: string[][] = [];
const videos = {
  getVideos: async ({ ids = [] }: { ids?: string[] }) => {
    askedFor.push(ids);
    return { videos: ids.filter((id) => id === video).map((id) => ({ id, authorId: author })) } as never;
  },
};

async function count(tell: (emit: Emit) => void): Promise<void> {
  const consumer = own.events.consume({
    group: "playback.figures",
    types: countedActs,
    ...countActs(createPartitions(own.db), videos),
  });
  await own.events.transaction(own.db, async (_transaction, emit) => tell(emit));
  await consumer.settled();
  await consumer.stop();
}

const of = { videoId: video, authorId: author };
const like = (userId: string, was: number, now: number, atMs: number) => ({ ...of, userId, was, now, atMs });
const say = (commentId: string, atMs: number) => ({
  ...{ videoId: video, commentId, authorId: eve, videoAuthorId: author, rootId: "", replyToUserId: "", atMs },
});
const follow = (followerId: string, atMs: number) => ({
  followerId,
  followeeId: author,
  atMs,
  followId: "1",
});
const seriesOf = async (name: keyof typeof figureWindows) => {
  const window = figureWindows[name];
  const { series } = await figuresStore(own.db).sums(
    { authorId: author },
    window,
    firstMs(window, Date.now()),
  );
  return series.map(({ startMs, sums: { likes, comments, shares } }) => ({
    startMs,
    likes,
    comments,
    shares,
  }));
};
const followers = async (spanMs: number) =>
  (
    await own.database.pool.query(
      `select start_ms, followers from playback.followers where author_id = ${author} and span_ms = ${spanMs} order by 1`,
    )
  ).rows.map((row) => [Number(row.start_ms), Number(row.followers)]);

test("what is given and taken back is counted when it is, in each span of time", async () => {
  // The beginning of an hour of this day, so that all is in one day.
  const nowMs = Date.now() - (Date.now() % dayMs);
  const before = nowMs - dayMs;
  await count((emit) => {
    emit(reacted, like(eve, 0, 1, before));
    emit(reacted, like(ben, -1, 1, before + 1));
    emit(reacted, like(ben, 1, -1, before + minuteMs));
    emit(reacted, like("502", 0, -1, before));
    emit(commented, say("1", before));
    emit(commented, say("2", before + hourMs));
    emit(commentDeleted, { ...say("1", before + hourMs), replies: 4, repliesOnly: true });
    emit(commentDeleted, { ...say("1", before + hourMs), replies: 2 });
    emit(shared, { ...of, userId: eve, change: 1, atMs: nowMs });
    emit(shared, { ...of, userId: eve, change: -3, atMs: nowMs });
    emit(relationFollowed, follow(eve, before));
    emit(relationFollowed, follow(ben, before + 1));
    emit(relationUnfollowed, follow(eve, nowMs));
  });
  const all = [
    { startMs: before, likes: 1, comments: -5, shares: 0 },
    { startMs: nowMs, likes: 0, comments: 0, shares: -2 },
  ];
  expect(await seriesOf("all")).toEqual(all);
  expect(await seriesOf("28d")).toEqual([
    { startMs: before, likes: 1, comments: 1, shares: 0 },
    { startMs: before + hourMs, likes: 0, comments: -6, shares: 0 },
    { startMs: nowMs, likes: 0, comments: 0, shares: -2 },
  ]);
  const { rows } = await own.database.pool.query(
    "select start_ms, likes, part from playback.minute order by 1",
  );
  expect(rows.slice(0, 2)).toEqual([
    { start_ms: String(before), likes: "2", part: 4 },
    { start_ms: String(before + minuteMs), likes: "-1", part: 4 },
  ]);
  expect(await followers(dayMs)).toEqual([
    [before, 2],
    [nowMs, -1],
  ]);
  expect(await followers(minuteMs)).toEqual([
    [before, 2],
    [nowMs, -1],
  ]);
  const { rows: total } = await own.database.pool.query("select likes, comments, shares from playback.total");
  expect(total).toEqual([{ likes: "1", comments: "-5", shares: "-2" }]);
});

test("events of long ago go where they are kept; what is old of an author goes with what is new", async () => {
  const nowMs = Date.now() - 1;
  const [weeks, years] = [nowMs - 2 * keptMs.minute, nowMs - 2 * keptMs.hour];
  await own.database.pool.query(
    `insert into playback.followers values (${author}, ${minuteMs}, ${weeks}, 1), (${eve}, ${minuteMs}, ${weeks}, 1)`,
  );
  await count((emit) => {
    for (const atMs of [weeks, years]) {
      emit(reacted, like(eve, 0, 1, atMs));
      emit(relationFollowed, follow(eve, atMs));
    }
  });
  const rows = async (table: string) =>
    (await own.database.pool.query(`select from playback.${table}`)).rows.length;
  expect([await rows("minute"), await rows("hour"), await rows("day")]).toEqual([0, 1, 2]);
  expect([
    await followers(minuteMs),
    (await followers(hourMs)).length,
    (await followers(dayMs)).length,
  ]).toEqual([[], 1, 2]);
  // Of others it stays until they win somebody too.
  expect(await rows("followers")).toBe(4);
});

test("whose video it is is asked only of events that do not say it", async () => {
  askedFor.length = 0;
  const atMs = Date.now();
  const { authorId: _, ...old } = { ...of, userId: eve, change: 1, atMs };
  await count((emit) => emit(shared, { ...old, authorId: author }));
  expect(askedFor).toEqual([]);
  await count((emit) => {
    emit(shared, old);
    emit(shared, { ...old, videoId: "102" });
  });
  expect(askedFor.flat().sort()).toEqual(["101", "102"]);
  const { rows } = await own.database.pool.query("select video_id, author_id, shares from playback.total");
  expect(rows).toEqual([{ video_id: video, author_id: author, shares: "2" }]);
});

test("nothing is counted of what is deleted", async () => {
  await markVideosGone(own.db, [video]);
  await markPersonGone(own.db, author);
  const atMs = Date.now();
  await count((emit) => {
    emit(reacted, like(eve, 0, 1, atMs));
    emit(reacted, { ...like(eve, 0, 1, atMs), videoId: "102", authorId: ben });
    emit(relationUnfollowed, follow(eve, atMs));
    emit(relationUnfollowed, { ...follow(eve, atMs), followeeId: ben });
  });
  const { rows } = await own.database.pool.query("select video_id from playback.total");
  expect(rows).toEqual([{ video_id: "102" }]);
  const { rows: lost } = await own.database.pool.query("select distinct author_id from playback.followers");
  expect(lost).toEqual([{ author_id: ben }]);
});
