import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CommentDeletedSchema } from "#contracts/gen/interaction_events_pb.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import type { Draft } from "./comment-drafts.ts";
import { type CommentStore, commentStore } from "./comment-store.ts";
import { migrations } from "./migrations.ts";
import { counts } from "./recount.ts";
import { removalChunk } from "./rules.ts";
import type { CommentRow, Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

let test: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: CommentStore;
const videoId = "101";
const aboveAll = "999999999999999999";
let lastId = 0;

beforeAll(async () => {
  test = await createModuleDatabase<Tables>("interaction", "1", migrations);
  store = commentStore(test.db, test.events);
});
afterAll(() => test.drop());
beforeEach(empty);

async function empty(): Promise<void> {
  await test.database.pool.query("truncate interaction.video, interaction.comment, events.log");
  await addVideos(test.db, [
    { videoId, authorId: "1" },
    { videoId: "102", authorId: "1" },
  ]);
}

const draft = (more: Partial<Draft> = {}): Draft => ({
  videoId,
  id: String(++lastId),
  authorId: "5",
  text: "hello",
  replyToId: undefined,
  idempotencyKey: undefined,
  ...more,
});
const add = async (more: Partial<Draft> = {}) => {
  const [row] = await store.add([draft(more)]);
  expect(row).toBeTypeOf("object");
  return row as CommentRow;
};
/** As an import would have added them. */
const addReplies = (rootId: string, count: number) =>
  test.database.pool.query(`
    with first as (select last_sequence from interaction.video where video_id = ${videoId}), counted as (
      update interaction.video set comments = comments + ${count}, last_sequence = last_sequence + ${count}
      where video_id = ${videoId}
    ), answered as (
      update interaction.comment set replies = replies + ${count}, last_reply_floor = last_reply_floor + ${count}
      where video_id = ${videoId} and id = ${rootId}
    )
    insert into interaction.comment (video_id, id, author_id, root_id, text, sequence, floor)
    select ${videoId}, ${lastId + 1_000_000} + i, 6, ${rootId}, 'hello', last_sequence + i, i
    from first, generate_series(1, ${count}) i`);
const remove = (id: string) => store.removeStep(videoId, id, () => {});
const ids = (rows: { id: string }[]) => rows.map((row) => row.id);

interface Model {
  id: string;
  rootId: string | null;
  floor: number;
}

describe("add and remove", () => {
  it("keep floors and counts as a naive list has them", async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant("batch"), answers: fc.array(fc.nat(), { minLength: 1, maxLength: 5 }) }),
      fc.record({ kind: fc.constant("remove"), which: fc.nat() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        await empty();
        let alive: Model[] = [];
        const floors = new Map<string | null, number>();
        for (const one of steps) {
          if ("answers" in one) {
            // An even number is a new comment, an odd one answers an existing one.
            const drafts = one.answers.map((n) => {
              const target = n % 2 === 1 ? alive[n % Math.max(1, alive.length)] : undefined;
              const rootId = target && (target.rootId ?? target.id);
              return { rootId: rootId ?? null, draft: draft({ replyToId: target?.id }) };
            });
            const rows = await store.add(drafts.map((each) => each.draft));
            drafts.forEach(({ rootId, draft: { id } }, i) => {
              const floor = (floors.get(rootId) ?? 0) + 1;
              floors.set(rootId, floor);
              expect(rows[i]).toMatchObject({ id, root_id: rootId, floor: String(floor) });
              alive.push({ id, rootId, floor });
            });
          } else {
            const target = alive[one.which % Math.max(1, alive.length)];
            if (!target) continue;
            await remove(target.id);
            alive = alive.filter((each) => each.id !== target.id && each.rootId !== target.id);
          }
        }
        const video = await store.video(videoId);
        expect(Number(video?.comments)).toBe(alive.length);
        const roots = await store.byTime(videoId, undefined, 100);
        const naive = alive.filter((each) => each.rootId === null).reverse();
        expect(ids(roots)).toEqual(ids(naive));
        for (const root of roots) {
          const replies = alive.filter((each) => each.rootId === root.id);
          expect(Number(root.replies)).toBe(replies.length);
          expect(ids(await store.replies(videoId, root.id, undefined, 100))).toEqual(ids(replies));
        }
        expect(ids(await store.flat(videoId, undefined, 100))).toEqual(ids([...alive].reverse()));
        const heat = new Map(
          roots.map((root) => [root.id, alive.filter((r) => r.rootId === root.id).length]),
        );
        const byHeat = [...naive].sort((a, b) => heat.get(b.id)! - heat.get(a.id)! || b.floor - a.floor);
        const position = { asOf: video!.last_sequence, heat: aboveAll, floor: aboveAll };
        expect(ids(await store.byHeat(videoId, position, 100))).toEqual(ids(byHeat));
      }),
      { numRuns: 15 },
    );
  });

  it("many at once get every floor once", async () => {
    const other = commentStore(test.db, test.events);
    const root = await add();
    const batches = Array.from({ length: 8 }, (_, i) =>
      (i % 2 ? store : other).add(
        Array.from({ length: 20 }, (_, n) => draft({ replyToId: n % 2 ? root.id : undefined })),
      ),
    );
    const rows = (await Promise.all(batches)).flat() as CommentRow[];
    const floors = (rootId: string | null) =>
      rows
        .filter((row) => row.root_id === rootId)
        .map((row) => Number(row.floor))
        .sort((a, b) => a - b);
    expect(floors(null)).toEqual(Array.from({ length: 80 }, (_, i) => i + 2));
    expect(floors(root.id)).toEqual(Array.from({ length: 80 }, (_, i) => i + 1));
    expect(await store.video(videoId)).toMatchObject({ comments: "161", last_floor: "81" });
  });

  it("the same key gives the same comment, to its author and on its video only", async () => {
    const first = await add({ idempotencyKey: "k" });
    expect(await add({ idempotencyKey: "k", text: "again" })).toEqual(first);
    expect((await add({ idempotencyKey: "k", authorId: "6" })).id).not.toBe(first.id);
    expect((await add({ idempotencyKey: "k", videoId: "102" })).id).not.toBe(first.id);
    await store.close(videoId, true, () => {});
    expect(await add({ idempotencyKey: "k", blocked: true })).toEqual(first);
    expect((await store.video(videoId))?.comments).toBe("2");
  });

  it("a comment without a key is a new one, also beside one whose key is the word undefined", async () => {
    const first = await add({ idempotencyKey: "undefined" });
    const [same, other] = await store.add([draft({ idempotencyKey: "undefined" }), draft()]);
    expect(same).toEqual(first);
    expect((other as CommentRow).id).not.toBe(first.id);
  });

  it("every command of a batch gets its own answer", async () => {
    const root = await add();
    await store.close("102", true, () => {});
    const answers = await store.add([
      draft(),
      draft({ videoId: "102" }),
      draft({ videoId: "999" }),
      draft({ replyToId: "77777" }),
      draft({ replyToId: root.id }),
    ]);
    expect(answers).toMatchObject([{ floor: "2" }, "closed", "video-gone", "not-found", { floor: "1" }]);
    expect((await store.video("102"))?.comments).toBe("0");
  });

  it("an answer to a reply is under the same comment and names the author it answers", async () => {
    const root = await add();
    const reply = await add({ replyToId: root.id, authorId: "6" });
    expect(reply).toMatchObject({ root_id: root.id, reply_to_user_id: null });
    expect(await add({ replyToId: reply.id })).toMatchObject({ root_id: root.id, reply_to_user_id: "6" });
  });

  it("removing the pinned comment leaves none pinned", async () => {
    const root = await add();
    const reply = await add({ replyToId: root.id });
    await expect(store.pin(videoId, reply.id, () => {})).rejects.toMatchObject({
      reason: "COMMENT_IS_REPLY",
    });
    await store.pin(videoId, root.id, () => {});
    await remove(reply.id);
    expect((await store.video(videoId))?.pinned_id).toBe(root.id);
    await remove(root.id);
    expect(await store.video(videoId)).toMatchObject({ pinned_id: null, comments: "0" });
  });

  it("of very many replies a part goes with each step, the comment last; facts and counts agree in between", async () => {
    const other = await add();
    const root = await add();
    await store.add([draft({ replyToId: other.id })]);
    await addReplies(root.id, 2 * removalChunk + 5);
    await store.pin(videoId, root.id, () => {});
    await test.database.pool.query("truncate events.log");
    const countOf = async () => Number((await store.video(videoId))!.comments);
    expect(await remove(root.id)).toBe(true);
    expect(await drifts(test.database, counts)).toEqual([]);
    expect(await countOf()).toBe(removalChunk + 8);
    // Here the process died. The comment is as before, only with fewer replies, and can be answered.
    expect((await store.video(videoId))?.pinned_id).toBe(root.id);
    expect((await store.replies(videoId, root.id, undefined, 1))[0]?.floor).toBe(String(removalChunk + 1));
    const floor = String(2 * removalChunk + 6);
    expect(await add({ replyToId: root.id })).toMatchObject({ root_id: root.id, floor });
    expect(await remove(root.id)).toBe(true);
    expect(await drifts(test.database, counts)).toEqual([]);
    expect(await remove(root.id)).toBe(false);
    expect(await drifts(test.database, counts)).toEqual([]);
    expect(await countOf()).toBe(2);
    expect(ids(await store.flat(videoId, undefined, 9))).toHaveLength(2);
    await expect(remove(root.id)).rejects.toMatchObject({ reason: "COMMENT_NOT_FOUND" });
    const consumed = await test.database.pool.query(
      "select payload from events.log where type = 'interaction.comment_deleted.v1' order by position",
    );
    const told = consumed.rows.map((row) => fromBinary(CommentDeletedSchema, row.payload));
    expect(told.map(({ commentId, replies, repliesOnly }) => [commentId, replies, repliesOnly])).toEqual([
      [root.id, removalChunk, true],
      [root.id, removalChunk, true],
      [root.id, 6, false],
    ]);
  });

  it("a comment whose removal is refused stays", async () => {
    const root = await add();
    const refuse = () => {
      throw new Error("no");
    };
    await expect(store.removeStep(videoId, root.id, refuse)).rejects.toThrow("no");
    expect(ids(await store.byTime(videoId, undefined, 9))).toEqual([root.id]);
    await expect(remove("77777")).rejects.toMatchObject({ reason: "COMMENT_NOT_FOUND" });
  });
});

describe("lists", () => {
  it("page without repeats and gaps while others comment, by time and by heat", async () => {
    const scenario = fc.record({
      replies: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 10 }),
      size: fc.integer({ min: 1, max: 4 }),
      meanwhile: fc.array(fc.nat(), { maxLength: 30 }),
    });
    await fc.assert(
      fc.asyncProperty(scenario, async ({ replies, size, meanwhile }) => {
        await empty();
        const roots: CommentRow[] = [];
        for (const count of replies) {
          const root = await add();
          roots.push(root);
          if (count > 0) await store.add(Array.from({ length: count }, () => draft({ replyToId: root.id })));
        }
        const disturb = async () => {
          const n = meanwhile.pop();
          if (n === undefined) return;
          const target = n % 3 === 0 ? undefined : roots[n % roots.length]!.id;
          await store.add([draft({ replyToId: target }), draft({ replyToId: target })]);
        };
        const newest = [...roots].reverse();
        const asOf = (await store.video(videoId))!.last_sequence;
        let byTime: CommentRow[] = [];
        let byHeat: (CommentRow & { heat: string })[] = [];
        for (;;) {
          const next = await store.byTime(videoId, byTime.at(-1)?.floor ?? String(roots.length + 1), size);
          byTime = [...byTime, ...next];
          await disturb();
          const { heat = aboveAll, floor = aboveAll } = byHeat.at(-1) ?? {};
          const hot = await store.byHeat(videoId, { asOf, heat, floor }, size);
          byHeat = [...byHeat, ...hot];
          await disturb();
          if (next.length + hot.length === 0) break;
        }
        expect(ids(byTime)).toEqual(ids(newest));
        const heatOf = new Map(roots.map((root, i) => [root.id, replies[i]!]));
        const hottest = [...newest].sort((a, b) => heatOf.get(b.id)! - heatOf.get(a.id)!);
        expect(ids(byHeat)).toEqual(ids(hottest));
      }),
      { numRuns: 15 },
    );
  });
});

it("the latest comments of each video, replies among them, come newest first, and none of a removed one", async () => {
  const first = await add();
  const reply = await add({ replyToId: first.id });
  const second = await add();
  const other = await add({ videoId: "102" });
  const ids = async (limit: number) =>
    (await store.latest([videoId, "102", "999"], limit)).map(({ id }) => id);
  expect(await ids(20)).toEqual([second.id, reply.id, first.id, other.id]);
  expect(await ids(2)).toEqual([second.id, reply.id, other.id]);
  await test.database.pool.query("update interaction.video set removed = true where video_id = 102");
  expect(await ids(1)).toEqual([second.id]);
});
