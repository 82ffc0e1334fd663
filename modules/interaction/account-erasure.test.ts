import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { accountErased } from "#contracts/events.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { consumeErasures } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { commentStore } from "./comment-store.ts";
import { type Daily, dailyStore, downloads, shares } from "./daily-store.ts";
import { bookmarks, markStore, reposts } from "./mark-store.ts";
import { migrations } from "./migrations.ts";
import type { StoredReaction } from "./reaction-kinds.ts";
import { reactionStore } from "./reaction-store.ts";
import { counts } from "./recount.ts";
import { reportStore } from "./report-store.ts";
import type { CommentRow, Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let lastId = 0;
const eve = "500";
const author = "1";
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("interaction", "accounts", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate interaction.video, interaction.reaction, interaction.comment, interaction.person, " +
      "interaction.reported, interaction.report, interaction.bookmark, interaction.repost, interaction.shared_picture, interaction.share, interaction.download",
  );
  await addVideos(
    own.db,
    Array.from({ length: 1200 }, (_, i) => ({ videoId: String(10_000 + i), authorId: author })),
  );
});

const videoOf = (i: number) => String(10_000 + i);
const reactions = () => reactionStore(own.db, own.events);
const storeOf = (daily: Daily) => dailyStore(own.db, own.events, daily);
const marks = {
  bookmarks: () => markStore(own.db, own.events, bookmarks),
  reposts: () => markStore(own.db, own.events, reposts),
};
const mark = async (userId: string, videos: string[]) => {
  for (const store of Object.values(marks))
    await store().apply(videos.map((videoId) => ({ videoId, userId, marked: true, id: String(++lastId) })));
};
const comments = () => commentStore(own.db, own.events);
const react = (userId: string, videos: string[], reaction: StoredReaction) =>
  reactions().apply(videos.map((videoId) => ({ videoId, userId, reaction, id: String(++lastId) })));
const comment = async (authorId: string, videoId: string, replyToId?: string) =>
  (
    await comments().add([
      { videoId, id: String(++lastId), authorId, text: "x", replyToId, idempotencyKey: undefined },
    ])
  )[0]!;
const report = async (commentId: string) => {
  const those = { videoId: videoOf(0), commentId, reporterId: eve };
  return reportStore(own.db).add({ ...those, id: String(++lastId), reason: 1, text: "" });
};
const rowsOf = async (sql: string) => (await own.database.pool.query(sql)).rows;
const left = async () => [
  ...(await rowsOf("select from interaction.reaction where user_id = 500")),
  ...(await rowsOf("select from interaction.bookmark where user_id = 500")),
  ...(await rowsOf("select from interaction.repost where user_id = 500")),
  ...(await rowsOf("select from interaction.download where user_id = 500")),
  ...(await rowsOf("select from interaction.share where user_id = 500")),
  ...(await rowsOf("select from interaction.comment where author_id = 500 or reply_to_user_id = 500")),
  ...(await rowsOf("select from interaction.report where reporter_id = 500")),
];

async function remove(): Promise<void> {
  const consumer = consumeErasures(own.events, {
    accounts: () => accountErasureStore(own.db),
    reactions,
    comments,
    ...marks,
    shares: () => storeOf(shares),
    downloads: () => storeOf(downloads),
    reports: () => reportStore(own.db),
  });
  await own.events.transaction(own.db, async (_transaction, emit) =>
    emit(accountErased, { userId: eve, closingId: "1", atMs: 1 }),
  );
  await consumer.settled();
  await consumer.stop();
}

test("reactions and comments go, exactly, with the replies under them; other people's stay", async () => {
  const videos = Array.from({ length: 1200 }, (_, i) => videoOf(i));
  await react(eve, videos.slice(0, 700), 1);
  await mark(eve, videos);
  await mark("501", [videoOf(0)]);
  for (const daily of [shares, downloads])
    for (const userId of [eve, "501"])
      await storeOf(daily).apply(
        videos.slice(0, 600).map((videoId) => ({ videoId, userId, atMs: 1, label: `${userId} ${videoId}` })),
      );
  await react(eve, videos.slice(700), -1);
  await react("2", videos.slice(0, 10), 1);
  const thread = (await comment(eve, videoOf(0))) as CommentRow;
  await comment("2", videoOf(0), thread.id);
  const other = (await comment("2", videoOf(0))) as CommentRow;
  const hers = (await comment(eve, videoOf(0), other.id)) as CommentRow;
  const answer = (await comment("3", videoOf(0), hers.id)) as CommentRow;
  expect(answer.reply_to_user_id).toBe(eve);
  await comments().pin(videoOf(0), thread.id, () => {});
  // A video that is being removed; its comments go with its own event.
  await own.database.pool.query("update interaction.video set removed = true where video_id = 10001");

  await remove();
  expect(await rowsOf("select video_id from interaction.reaction where user_id = 500")).toEqual([
    { video_id: videoOf(1) },
  ]);
  expect(await rowsOf("select id, replies, reply_to_user_id from interaction.comment order by id")).toEqual([
    { id: other.id, replies: "1", reply_to_user_id: null },
    { id: answer.id, replies: "0", reply_to_user_id: null },
  ]);
  const [video] = await rowsOf(`select * from interaction.video where video_id = ${videoOf(0)}`);
  expect(video).toMatchObject({ likes: "1", comments: "2", pinned_id: null });
  expect(await drifts(own.database, counts)).toEqual([]);
  const told = await rowsOf(
    "select from events.log where type = 'interaction.reacted.v1' and key like '% 500'",
  );
  expect(told).toHaveLength(1200 + 1199);
});

test("a comment of theirs with thousands of replies goes too", async () => {
  const { id: root } = (await comment(eve, videoOf(0))) as CommentRow;
  await own.database.pool.query(`
    with counted as (
      update interaction.video set comments = 4501, last_sequence = 4501 where video_id = ${videoOf(0)}
    ), answered as (update interaction.comment set replies = 4500, last_reply_floor = 4500 where id = ${root})
    insert into interaction.comment (video_id, id, author_id, root_id, text, sequence, floor)
    select ${videoOf(0)}, 1000000 + i, 2, ${root}, 'x', i + 1, i from generate_series(1, 4500) i`);
  expect(await drifts(own.database, counts)).toEqual([]);
  await remove();
  expect(await rowsOf("select from interaction.comment")).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("reports go: their own, and with their comments those of others; what others report stays reported", async () => {
  const mine = (await comment(eve, videoOf(0))) as CommentRow;
  const [one, two, three] = (await Promise.all(
    ["2", "3", "4"].map((authorId) => comment(authorId, videoOf(0))),
  )) as [CommentRow, CommentRow, CommentRow];
  for (const { id } of [one, two, three]) await report(id);
  const others = { videoId: videoOf(0), reporterId: "7", reason: 2 as const, text: "see" };
  for (const { id } of [mine, two])
    await reportStore(own.db).add({ ...others, commentId: id, id: String(++lastId) });
  await reportStore(own.db).dismiss(videoOf(0), three.id);
  await remove();
  expect(await left()).toEqual([]);
  expect(await rowsOf("select comment_id, reporter_id from interaction.report")).toEqual([
    { comment_id: two.id, reporter_id: "7" },
  ]);
  expect(await rowsOf("select comment_id, judged from interaction.reported order by 1")).toEqual([
    { comment_id: two.id, judged: false },
    { comment_id: three.id, judged: true },
  ]);
});

test("they can add nothing afterwards; the others of a batch can", async () => {
  await remove();
  const command = { videoId: videoOf(0), reaction: 1 as const };
  const outcomes = await reactions().apply([
    { ...command, userId: eve, id: "1" },
    { ...command, userId: "2", id: "2" },
  ]);
  expect(outcomes).toMatchObject([{ reason: "SESSION_ENDED" }, true]);
  expect(await react(eve, [videoOf(0)], -1)).toMatchObject([{ reason: "SESSION_ENDED" }]);
  expect(await comment(eve, videoOf(0))).toMatchObject({ reason: "SESSION_ENDED" });
  const { id } = (await comment("2", videoOf(0))) as CommentRow;
  await expect(report(id)).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  expect(await left()).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test.each([
  ["like", async () => (await react(eve, [videoOf(0)], 1))[0]],
  ["dislike", async () => (await react(eve, [videoOf(0)], -1))[0]],
  ["comment", () => comment(eve, videoOf(0))],
  ["report", (id: string) => report(id)],
])("a %s in progress meanwhile leaves nothing behind", async (_what, act) => {
  const { id } = (await comment("2", videoOf(0))) as CommentRow;
  const late = () => act(id);
  const hold = `select from interaction.video where video_id = ${videoOf(0)} for update`;
  expect(await heldUp(own.database.pool, hold, late, remove)).toBeInstanceOf(DomainError);
  expect(await left()).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
});
