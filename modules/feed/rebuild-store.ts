import { type Selectable, sql } from "kysely";
import { inboxesChanged } from "#contracts/events.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { numberAuthors } from "./pulls.ts";
import type { Authored } from "./rules.ts";
import type { RebuildStep, Tables } from "./tables.ts";

export type RebuildRow = Selectable<Tables["rebuild"]>;
export type Noted = Authored & { pushed: boolean };

const name = "inboxes";
const inboxesAtOnce = 200;
const maxUserId = "9223372036854775807";

/** The SQL of rebuilding the inboxes. Every step may run twice. */
export function rebuildStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  /** Saves the progress in the transaction of the step. */
  async function advance(on: Queryable<Tables>, to: { step: RebuildStep; place: string[] }, done: number) {
    await sql`
      update feed.rebuild set done = case when step = ${to.step} then done + ${done}::int else 0 end,
        step = ${to.step}, place = ${to.place}::int8[]
      where name = ${name}`.execute(on);
  }

  return {
    /** Where to begin or continue. */
    async begin(): Promise<RebuildRow> {
      await db
        .insertInto("rebuild")
        .values({ name, step: "add" })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return db.selectFrom("rebuild").selectAll().where("name", "=", name).executeTakeFirstOrThrow();
    },
    /** Adds those of these videos that are missing. */
    async addVideos(videos: Noted[], next: string[] | undefined): Promise<void> {
      await events.transaction(db, async (transaction, emit) => {
        emit(inboxesChanged, {});
        await sql`
          insert into feed.author_video (author_id, published_ms, video_id, pushed, friends)
          select * from unnest(${videos.map((one) => one.authorId)}::int8[], ${videos.map((one) => one.publishedAtMs)}::int8[],
            ${videos.map((one) => one.videoId)}::int8[], ${videos.map((one) => one.pushed)}::boolean[],
            ${videos.map((one) => one.friends ?? false)}::boolean[])
          on conflict do nothing`.execute(transaction);
        await advance(
          transaction,
          next ? { step: "add", place: next } : { step: "check", place: [] },
          videos.length,
        );
      });
    },
    /** Recorded videos after a position, in the order of their keys. */
    async noted(place: string[], limit: number): Promise<Noted[]> {
      const [authorId = "0", publishedMs = "0", videoId = "0"] = place;
      const { rows } = await sql<Selectable<Tables["author_video"]>>`
        select * from feed.author_video
        where (author_id, published_ms, video_id) > (${authorId}::int8, ${publishedMs}::int8, ${videoId}::int8)
        order by author_id, published_ms, video_id limit ${limit}::int`.execute(db);
      return rows.map((row) => ({
        authorId: row.author_id,
        publishedAtMs: Number(row.published_ms),
        videoId: row.video_id,
        pushed: row.pushed,
      }));
    },
    /**
     * Removes videos that are no longer in feeds, says whom the others are for, and makes readers pull from authors who
     * do not deliver.
     */
    async checked(
      wrong: Noted[],
      right: Noted[],
      pulledAuthors: string[],
      next: string[] | undefined,
      count: number,
    ) {
      await events.transaction(db, async (transaction, emit) => {
        emit(inboxesChanged, {});
        await sql`
          delete from feed.author_video v
          using unnest(${wrong.map((one) => one.authorId)}::int8[], ${wrong.map((one) => one.publishedAtMs)}::int8[],
            ${wrong.map((one) => one.videoId)}::int8[]) as w(author_id, published_ms, video_id)
          where v.author_id = w.author_id and v.published_ms = w.published_ms and v.video_id = w.video_id`.execute(
          transaction,
        );
        await sql`
          update feed.author_video v set friends = r.friends
          from unnest(${right.map((one) => one.authorId)}::int8[], ${right.map((one) => one.publishedAtMs)}::int8[],
            ${right.map((one) => one.videoId)}::int8[], ${right.map((one) => one.friends ?? false)}::boolean[])
            as r(author_id, published_ms, video_id, friends)
          where v.author_id = r.author_id and v.published_ms = r.published_ms and v.video_id = r.video_id
            and v.friends <> r.friends`.execute(transaction);
        await numberAuthors(transaction, pulledAuthors);
        await advance(
          transaction,
          next ? { step: "check", place: next } : { step: "empty", place: [] },
          count,
        );
      });
    },
    /**
     * Empties some inboxes, to be filled at the next read; ends the rebuild with the last ones. One statement, so
     * that an inbox opened meanwhile is seen with all its entries or not at all. Locks readers before entries, as
     * everywhere.
     */
    async emptyInboxes(after: string, job: Job): Promise<string | undefined> {
      return events.transaction(db, async (transaction, emit) => {
        emit(inboxesChanged, {});
        const { rows } = await sql<{ user_id: string }>`
          select user_id from feed.reader where user_id > ${after}::int8
          order by user_id limit ${inboxesAtOnce}::int for update`.execute(transaction);
        const last = rows.length < inboxesAtOnce ? maxUserId : rows.at(-1)!.user_id;
        await sql`
          with marked as (
            update feed.reader set stale = true where user_id > ${after}::int8 and user_id <= ${last}::int8 returning 1
          )
          delete from feed.inbox where user_id > ${after}::int8 and user_id <= ${last}::int8
            and (select count(*) from marked) >= 0`.execute(transaction);
        if (last !== maxUserId) {
          await advance(transaction, { step: "empty", place: [last] }, rows.length);
          return last;
        }
        await transaction.deleteFrom("rebuild").where("name", "=", name).execute();
        await job.finish(transaction);
        return undefined;
      });
    },
  };
}

export type RebuildStore = ReturnType<typeof rebuildStore>;

const sayings: Record<RebuildStep, string> = {
  add: "videos looked up",
  check: "videos checked",
  empty: "inboxes emptied, to be filled when they are read",
};

export async function rebuildProgress(db: Kysely<Tables>): Promise<string> {
  const row = await db.selectFrom("rebuild").selectAll().where("name", "=", name).executeTakeFirst();
  return row ? `${row.done} ${sayings[row.step]}` : "";
}
