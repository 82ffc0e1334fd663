import { type Selectable, sql } from "kysely";
import { inboxesChanged } from "#contracts/events.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { isThere, putIntoInboxes } from "./inbox-rows.ts";
import { pullStore } from "./pulls.ts";
import { readerStore } from "./reader-store.ts";
import { type Authored, type Entry, namedOrAll } from "./rules.ts";
import type { Tables } from "./tables.ts";

export type Delivery = Selectable<Tables["delivery"]>;
/** Where a page of a reader's feed starts; the largest position means the newest video. */
export interface PageQuery {
  userId: string;
  before: Entry;
  limit: number;
}

/** Larger than the id of any follow. */
const newestFollow = "9223372036854775807";

interface EntryRow {
  published_ms: string;
  video_id: string;
  author_id: string;
  friends?: boolean;
}
const toEntry = (row: EntryRow): Authored => ({
  publishedAtMs: Number(row.published_ms),
  videoId: row.video_id,
  authorId: row.author_id,
  ...(row.friends && { friends: true }),
});

/** The SQL of recorded videos and inboxes; reader-store.ts has that of readers, pulls.ts that of pulling. */
export function feedStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  // Spread into one literal they would take ten times as long, and each batch has a store of its own.
  return Object.assign(readerStore(db), pullStore(db), {
    /**
     * Records a video, or whom it is for: from the commit on, new followers get it from the list of the author's
     * videos. Returns whether it is delivered or pulled; this is decided once, even if it is recorded again.
     */
    async noteVideo(on: Queryable<Tables>, video: Authored, large: boolean): Promise<boolean> {
      const { rows } = await sql<{ pushed: boolean }>`
        with noted as (
          insert into feed.author_video as v (author_id, published_ms, video_id, pushed, friends)
          values (${video.authorId}, ${video.publishedAtMs}, ${video.videoId}, ${!large}, ${video.friends ?? false})
          on conflict (author_id, published_ms, video_id) do update set friends = excluded.friends
          returning pushed
        ), clock as (
          update feed.pull_clock set value = value + 1
          where exists (select from noted where not pushed) and not exists (
            select from feed.author where author_id = ${video.authorId} and pull_number is not null
          ) returning value
        ), author as (
          insert into feed.author as a (author_id, large, pull_number)
          select ${video.authorId}, not pushed, (select value from clock) from noted
          where not exists (select from feed.reader r where r.user_id = ${video.authorId} and r.gone)
          on conflict (author_id) do update
            set large = excluded.large, pull_number = coalesce(a.pull_number, excluded.pull_number)
        )
        select pushed from noted`.execute(on);
      return rows[0]!.pushed;
    },
    /** Adds a job that delivers a video to the followers that its author has after the commit. */
    async startDelivery(on: Queryable<Tables>, video: Authored, traceId: string, jobs: Jobs) {
      await on
        .insertInto("delivery")
        .values({
          video_id: video.videoId,
          author_id: video.authorId,
          published_ms: video.publishedAtMs,
          before_follow: newestFollow,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      // One that is under way, of a video that was taken back meanwhile, may have passed by those who follow since.
      await on.deleteFrom("job").where("kind", "=", "deliver").where("key", "=", video.videoId).execute();
      await jobs.add(on, "deliver", video.videoId, { traceId });
    },
    async removeVideo(on: Queryable<Tables>, video: Authored): Promise<void> {
      await on
        .deleteFrom("author_video")
        .where("author_id", "=", video.authorId)
        .where("published_ms", "=", String(video.publishedAtMs))
        .where("video_id", "=", video.videoId)
        .execute();
      await on.deleteFrom("delivery").where("video_id", "=", video.videoId).execute();
    },
    /** Which of these authors had too many followers to deliver to at the last decision. */
    async wereLarge(authorIds: string[], on: Queryable<Tables> = db): Promise<Set<string>> {
      const rows = await on
        .selectFrom("author")
        .select("author_id")
        .where("author_id", "=", sql<string>`any(${authorIds}::int8[])`)
        .where("large", "=", true)
        .execute();
      return new Set(rows.map((row) => row.author_id));
    },
    delivery: (videoId: string): Promise<Delivery | undefined> =>
      db.selectFrom("delivery").selectAll().where("video_id", "=", videoId).executeTakeFirst(),
    /**
     * Delivers to a page of followers, half of them on a second connection, and then saves the progress: repeating it
     * does no harm. Returns false, and stops, if the video has been deleted since.
     */
    async deliverPage(delivery: Delivery, followerIds: string[], next: string, job: Job): Promise<boolean> {
      const there = (on: Queryable<Tables>) =>
        on.selectFrom("delivery").select("video_id").where("video_id", "=", delivery.video_id);
      const put = (ids: string[], inNone = true): Promise<boolean> =>
        inTransaction(db, async (transaction) => {
          // The transaction that deletes the video waits for this one, or this one finds it deleted.
          if (!(await there(transaction).forShare().executeTakeFirst())) return false;
          await putIntoInboxes(transaction, toEntry(delivery), ids, { inNone });
          return true;
        }).catch((error) => {
          if (inNone && isThere(error)) return put(ids, false);
          throw error;
        });
      const middle = Math.ceil(followerIds.length / 2);
      const halves = [followerIds.slice(0, middle), followerIds.slice(middle)];
      const done = await Promise.all(halves.filter((ids) => ids.length > 0).map((ids) => put(ids)));
      if (done.includes(false)) return false;
      return events.transaction(db, async (transaction, emit) => {
        if (!(await there(transaction).forUpdate().executeTakeFirst())) return false;
        emit(inboxesChanged, namedOrAll(new Set(followerIds)), job.traceId);
        const noted = transaction.updateTable("delivery").set({ before_follow: next });
        if (next) await noted.where("video_id", "=", delivery.video_id).execute();
        else {
          await transaction.deleteFrom("delivery").where("video_id", "=", delivery.video_id).execute();
          await job.finish(transaction);
        }
        return true;
      });
    },

    /**
     * Pages of many readers, newest first, in one statement: what was delivered to the inbox, without what is not
     * recorded any more, and what the authors the reader pulls from published.
     */
    async pages(queries: PageQuery[]): Promise<Authored[][]> {
      const { rows } = await sql<EntryRow & { i: string }>`
        select q.i, e.published_ms, e.video_id, e.author_id, e.friends
        from unnest(${queries.map((q) => q.userId)}::int8[], ${queries.map((q) => q.before.publishedAtMs)}::int8[],
          ${queries.map((q) => q.before.videoId)}::int8[], ${queries.map((q) => q.limit)}::int[])
          with ordinality as q(user_id, ms, id, n, i)
        cross join lateral (
          select * from (
            (
              select e.published_ms, e.video_id, e.author_id, v.friends
              from feed.inbox e join feed.author_video v
                on v.author_id = e.author_id and v.published_ms = e.published_ms and v.video_id = e.video_id
              -- One that was taken back and published again may be pulled by then.
              where v.pushed and e.user_id = q.user_id and (e.published_ms, e.video_id) < (q.ms, q.id)
              order by e.published_ms desc, e.video_id desc limit q.n
            ) union all (
              select v.published_ms, v.video_id, v.author_id, v.friends
              from feed.pull p cross join lateral (
                select * from feed.author_video v
                where v.author_id = p.author_id and not v.pushed and (v.published_ms, v.video_id) < (q.ms, q.id)
                order by v.published_ms desc, v.video_id desc limit q.n
              ) v
              where p.user_id = q.user_id
            )
          ) e
          order by e.published_ms desc, e.video_id desc limit q.n
        ) e`.execute(db);
      const pages: Authored[][] = queries.map(() => []);
      for (const row of rows) pages[Number(row.i) - 1]!.push(toEntry(row));
      return pages;
    },
  });
}

export type FeedStore = ReturnType<typeof feedStore>;
