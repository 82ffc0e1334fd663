import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { heldUp, waiting } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { commentStore } from "./comment-store.ts";
import { migrations } from "./migrations.ts";
import { removalStore } from "./removal-store.ts";
import { maxReports, reportStore } from "./report-store.ts";
import type { CommentRow, Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
const videoId = "101";
let lastId = 0;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("interaction", "reports", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate interaction.video, interaction.comment, interaction.reported, interaction.report",
  );
  await addVideos(own.db, [{ videoId, authorId: "1" }]);
});

const store = () => reportStore(own.db);
const comments = () => commentStore(own.db, own.events);
const say = async (replyToId?: string) => {
  const words = { videoId, authorId: "5", text: "x", replyToId, idempotencyKey: undefined };
  const [row] = await comments().add([{ ...words, id: String(++lastId) }]);
  return (row as CommentRow).id;
};
const report = (commentId: string, reporterId: string, text = "", reason: 1 | 2 | 3 = 1) =>
  store().add({ videoId, commentId, reporterId, id: String(++lastId), reason, text });
const queued = async () => (await store().queue("0", 100)).map((row) => row.id);
const kept = async () => {
  const { rows } = await own.database.pool.query(
    "select comment_id from interaction.reported union all select comment_id from interaction.report order by 1",
  );
  return rows;
};

it("a comment stands once, with the reports by reason and the newest words", async () => {
  const [one, two] = [await say(), await say()];
  await report(two, "10", "first", 2);
  await report(one, "10");
  await report(two, "11");
  for (let i = 12; i < 16; i++) await report(two, String(i), `words ${i}`, 3);
  await report(two, "15", "again", 1);
  const rows = await store().queue("0", 100);
  expect(rows.map(({ id, spam, abuse, other, texts }) => [id, spam, abuse, other, texts])).toEqual([
    [two, "1", "1", "4", ["words 15", "words 14", "words 13"]],
    [one, "1", "0", "0", []],
  ]);
  const [first] = await store().queue("0", 1);
  expect(await store().queue(first!.position, 9)).toEqual(rows.slice(1));
});

it("a dismissed comment is not reported again, and its record goes with the comment", async () => {
  const [one, two] = [await say(), await say()];
  for (const id of [one, two]) await report(id, "10");
  for (let i = 0; i < 2; i++) await store().dismiss(videoId, one);
  await report(one, "11");
  expect(await queued()).toEqual([two]);
  expect((await kept()).map((row) => row.comment_id)).toEqual([one, two, two]);
  await comments().removeStep(videoId, one, () => {});
  expect(await kept()).toEqual([{ comment_id: two }, { comment_id: two }]);
  // Nothing was reported, so there is nothing to decide.
  const three = await say();
  await store().dismiss(videoId, three);
  await report(three, "10");
  expect(await queued()).toEqual([two, three]);
});

it("many reports at once make one entry, and a report is taken back with it", async () => {
  const id = await say();
  const reporters = Array.from({ length: 12 }, (_, i) => String(10 + (i % 6)));
  await Promise.all(reporters.map((reporter) => report(id, reporter)));
  const [row] = await store().queue("0", 9);
  expect(row).toMatchObject({ id, spam: "6" });
  await Promise.all(reporters.slice(1, 6).map((reporter) => store().withdraw(videoId, id, reporter)));
  expect(await store().queue("0", 9)).toMatchObject([{ id, spam: "1" }]);
  await store().withdraw(videoId, id, "10");
  expect(await kept()).toEqual([]);
});

it("a comment with very many reports keeps a number of them, and accepts others when some are withdrawn", async () => {
  const id = await say();
  await Promise.all(Array.from({ length: maxReports + 10 }, (_, i) => report(id, String(10 + i))));
  const count = async () => (await store().queue("0", 9)).map((row) => Number(row.spam));
  expect(await count()).toEqual([maxReports]);
  const { rows } = await own.database.pool.query("select reporter_id from interaction.report limit 1");
  await store().withdraw(videoId, id, rows[0].reporter_id);
  for (const late of ["1001", "1002"]) await report(id, late);
  expect(await count()).toEqual([maxReports]);
  expect(await store().reportsOf("1001", "0")).toHaveLength(1);
  expect(await store().reportsOf("1002", "0")).toEqual([]);
});

it.each([
  ["its comment is deleted", "COMMENT_NOT_FOUND", "delete from interaction.comment"],
  ["its video is removed", "VIDEO_NOT_FOUND", "update interaction.video set removed = true"],
])("a report that is under way while %s leaves nothing", async (_what, reason, end) => {
  const id = await say();
  const hold = "select from interaction.video for no key update";
  // Whoever has locked the video deletes the comment; the connection is its own, so that it is the same transaction.
  const outcome = await heldUp(
    own.database.pool,
    `${hold}; ${end}`,
    () => report(id, "10"),
    async () => {},
  );
  expect(outcome).toMatchObject({ reason });
  expect(await kept()).toEqual([]);
});

it("a deletion that waits for a report removes it too", async () => {
  const root = await say();
  const reply = await say(root);
  await report(await say(), "10");
  const hold = "select from interaction.person where user_id = 10 for update";
  const remove = () => comments().removeStep(videoId, root, () => {});
  // The report waits for the row of the reporter, and the deletion for the report.
  let deletion: Promise<unknown> = Promise.resolve();
  const outcome = await heldUp(
    own.database.pool,
    hold,
    () => report(reply, "10"),
    async () => {
      deletion = remove();
      await waiting(own.database.pool, 2);
    },
  );
  expect(outcome).toBeUndefined();
  await deletion;
  expect((await kept()).map((row) => row.comment_id)).not.toContain(reply);
});

it("the reports of a video's comments go with it", async () => {
  for (const id of [await say(), await say()]) await report(id, "10");
  await removalStore(own.db, own.events).removeComments(videoId);
  expect(await kept()).toEqual([]);
});
