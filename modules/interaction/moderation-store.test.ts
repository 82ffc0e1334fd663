import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { commentModerated, commentsClosed } from "#contracts/events.ts";
import { CommentOrder } from "#contracts/gen/interaction_pb.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { type CommentStore, commentStore } from "./comment-store.ts";
import { commentLists } from "./handlers/list-comments.ts";
import { moderationHandlers } from "./handlers/moderate.ts";
import { migrations } from "./migrations.ts";
import { type ModerationStore, moderationStore } from "./moderation-store.ts";
import { reactionStore } from "./reaction-store.ts";
import type { CommentRow, Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let comments: CommentStore;
let store: ModerationStore;
const videoId = "101";
let lastId = 0;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("interaction", "moderation", migrations);
  comments = commentStore(own.db, own.events);
  store = moderationStore(own.db, own.events);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query("truncate interaction.video, interaction.comment, events.log");
  await addVideos(own.db, [{ videoId, authorId: "1" }]);
});

async function say(text: string, replyToId?: string, idempotencyKey?: string) {
  const draft = { videoId, id: String(++lastId), authorId: "5", text, replyToId, idempotencyKey };
  return (await comments.add([draft]))[0] as CommentRow;
}
const judge = (commentId: string, version: number, down: boolean) =>
  store.moderateComments([{ videoId, commentId, version: String(version), down }]);
const lock = (version: number, locked: boolean, id = videoId) =>
  store.moderateVideoComments([{ videoId: id, authorId: "1", version: String(version), locked }]);
/** What the log says of moderation: of comments whether each is down, of a video whether its comments are closed. */
async function told() {
  const { rows } = await own.database.pool.query("select type, payload from events.log order by position");
  return rows.flatMap(({ type, payload }) => {
    if (type === commentsClosed.name) return fromBinary(commentsClosed.schema, payload).closed;
    if (type !== commentModerated.name) return [];
    const { commentId, down } = fromBinary(commentModerated.schema, payload);
    return `${commentId} ${down}`;
  });
}

const as = (callerId: string, moderator = false) => ({ callerId, moderator, signal: undefined }) as never;
/** Only person 5 may see the video. */
const video = {
  getVideos: async ({ ids }: { ids: string[] }, { callerId }: { callerId: string }) => ({
    videos: callerId === "5" ? ids.map((id) => ({ id })) : [],
  }),
} as never;
const lists = () => commentLists((() => comments) as never, video);
const asked = () => moderationHandlers((() => store) as never, (() => comments) as never, video);

test("a comment that is down has its place, its replies and no text, wherever it is shown, until it is restored", async () => {
  const said = await say("rude", undefined, "key");
  const reply = await say("rude too", said.id);
  await comments.pin(videoId, said.id, () => {});
  /** Its text and whether it is down, on every surface. */
  async function shown(id: string) {
    const { listComments, listReplies, getComment, getLatestComments } = lists();
    const list = (order: CommentOrder) =>
      listComments({ videoId, order, cursor: "", limit: 9 } as never, as("5"));
    const [byTime, byHeat, flat] = await Promise.all(
      [CommentOrder.TIME, CommentOrder.HEAT, CommentOrder.FLAT].map(list),
    );
    const replies = await listReplies(
      { videoId, commentId: said.id, cursor: "", limit: 9 } as never,
      as("5"),
    );
    const one = await getComment({ videoId, commentId: reply.id } as never, as("5"));
    const latest = await getLatestComments({ videoIds: [videoId] } as never, as("5"));
    const all = [byTime, byHeat, flat, latest].flatMap((page) => page!.comments ?? []);
    const found = [...all, ...(replies.replies ?? []), byTime!.pinned, one.comment, one.reply]
      .filter((comment) => comment?.id === id)
      .map((comment) => `${comment!.text}|${comment!.takenDown}|${comment!.replies}`);
    return { count: found.length, kinds: [...new Set(found)] };
  }
  expect(await shown(said.id)).toEqual({ count: 6, kinds: ["rude|false|1"] });
  await judge(said.id, 10, true);
  await judge(reply.id, 11, true);
  expect(await shown(said.id)).toEqual({ count: 6, kinds: ["|true|1"] });
  expect(await shown(reply.id)).toEqual({ count: 4, kinds: ["|true|0"] });
  expect((await comments.video(videoId))!.comments).toBe("2");
  expect(await say("again", undefined, "key")).toMatchObject({ id: said.id, down: true });
  await judge(said.id, 12, false);
  expect(await shown(said.id)).toEqual({ count: 6, kinds: ["rude|false|1"] });
  expect(await told()).toEqual([`${said.id} true`, `${reply.id} true`, `${said.id} false`]);
});

test("of what is decided the latest holds, however often and in whatever order it comes; what is gone does not matter", async () => {
  const { id } = await say("rude");
  const isDown = async () => (await comments.comment(videoId, id))!.down;
  await judge(id, 20, true);
  await judge(id, 10, false);
  await judge(id, 20, false);
  expect(await isDown()).toBe(true);
  await asked().moderateComments(
    {
      standings: [
        { videoId, commentId: id, version: "9000000000000000001", down: false },
        { videoId, commentId: id, version: "30", down: true },
        { videoId: "102", commentId: "7", version: "30", down: true },
      ],
    } as never,
    as("9"),
  );
  expect(await isDown()).toBe(false);
  expect(await told()).toEqual([`${id} true`, `${id} false`]);
  await expect(
    asked().moderateComments({ standings: [{ videoId, commentId: id, version: "" }] } as never, as("9")),
  ).rejects.toMatchObject({ reason: "INVALID_ARGUMENT" });
});

test("comments are closed while their author or the moderators wish it, and only they open what they have locked", async () => {
  const close = (closed: boolean) => comments.close(videoId, closed, () => {});
  const isClosed = async () =>
    (await reactionStore(own.db, own.events).videoStats([videoId]))[0]!.closed &&
    (await lists().listComments({ videoId, cursor: "", limit: 1 } as never, as("5"))).closed;
  await lock(10, true);
  expect([await say("now"), await isClosed()]).toEqual(["closed", true]);
  await expect(close(false)).rejects.toMatchObject({ reason: "COMMENTS_LOCKED" });
  await close(true);
  await lock(20, false);
  await lock(15, true);
  expect([await say("now"), await isClosed()]).toEqual(["closed", true]);
  await close(false);
  expect(await isClosed()).toBe(false);
  await say("now");
  expect(await told()).toEqual([true, false]);
  // Also where nobody has commented or reacted yet.
  await lock(30, true, "103");
  expect(await comments.video("103")).toMatchObject({ author_id: "1", locked: true });
});

test("who may see the video finds a comment by its id, and moderators find all with their texts", async () => {
  const { id } = await say("rude");
  const find = (call: never, forModerators = false) =>
    asked().findComments({ commentIds: [id, "999", "x"], forModerators } as never, call);
  const found = { id, videoId, authorId: "5" };
  expect(await find(as("5"))).toMatchObject({ comments: [{ ...found, text: "rude" }] });
  expect(await find(as("6"))).toEqual({ comments: [] });
  await judge(id, 10, true);
  expect(await find(as("5"))).toMatchObject({ comments: [{ ...found, text: "", takenDown: true }] });
  expect(await find(as("6", true), true)).toMatchObject({ comments: [{ text: "rude", takenDown: true }] });
  await expect(find(as("6"), true)).rejects.toMatchObject({ reason: "MODERATORS_ONLY" });
});
