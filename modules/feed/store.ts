import { type Selectable, sql } from "kysely";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { Job, JobQueue } from "#platform/jobs/job-queue.ts";
import { type Entry, idleDays, inboxSize } from "./rules.ts";
import type { Tables } from "./tables.ts";

export type Delivery = Selectable<Tables["delivery"]>;
export interface Authored extends Entry {
  authorId: string;
}
/** Where a page of somebody's feed starts; the largest position there is means from the newest. */
export interface PageQuery {
  userId: string;
  before: Entry;
  limit: number;
}

interface EntryRow {
  published_ms: string;
  video_id: string;
  author_id: string;
}
const toEntry = (row: EntryRow): Authored => ({
  publishedAtMs: Number(row.published_ms),
  videoId: row.video_id,
  authorId: row.author_id,
});

/** All SQL of the module. */
export function feedStore(db: Kysely<Tables>) {
  return {
    /**
     * Notes a new video and commits that at once, so that whoever follows from here on gets it from the list of
     * the author's videos. Tells whether it is pushed: decided once, also when it is noted again.
     */
    async noteVideo(video: Authored, large: boolean): Promise<boolean> {
      const { rows } = await sql<{ pushed: boolean }>`
        with noted as (
          insert into feed.author_video as v (author_id, published_ms, video_id, pushed)
          values (${video.authorId}, ${video.publishedAtMs}, ${video.videoId}, ${!large})
          on conflict (author_id, published_ms, video_id) do update set pushed = v.pushed
          returning pushed
        ), author as (
          insert into feed.author as a (author_id, large, pulled) select ${video.authorId}, not pushed, not pushed from noted
          on conflict (author_id) do update set large = excluded.large, pulled = a.pulled or excluded.pulled
        )
        select pushed from noted`.execute(db);
      return rows[0]!.pushed;
    },
    /** Goes on delivering in the background. */
    async continueDelivery(on: Queryable<Tables>, video: Authored, beforeFollow: string, jobs: JobQueue) {
      await on
        .insertInto("delivery")
        .values({
          video_id: video.videoId,
          author_id: video.authorId,
          published_ms: video.publishedAtMs,
          before_follow: beforeFollow,
        })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      await jobs.add(on, "deliver", video.videoId);
    },
    /** Puts a video into the inboxes of those followers who have one. */
    deliver: putIntoInboxes,
    async removeVideo(on: Queryable<Tables>, video: Authored): Promise<void> {
      await on
        .deleteFrom("author_video")
        .where("author_id", "=", video.authorId)
        .where("published_ms", "=", String(video.publishedAtMs))
        .where("video_id", "=", video.videoId)
        .execute();
      await on.deleteFrom("delivery").where("video_id", "=", video.videoId).execute();
    },
    async wasLarge(authorId: string): Promise<boolean> {
      const row = await db
        .selectFrom("author")
        .select("large")
        .where("author_id", "=", authorId)
        .executeTakeFirst();
      return row?.large ?? false;
    },
    /** Brings an author's delivered videos into the inboxes of new followers who have one. */
    async addFollows(on: Queryable<Tables>, pairs: { userId: string; authorId: string }[]): Promise<void> {
      await sql`
        insert into feed.inbox (user_id, published_ms, video_id, author_id)
        select r.user_id, v.published_ms, v.video_id, v.author_id
        from unnest(${pairs.map((pair) => pair.userId)}::int8[], ${pairs.map((pair) => pair.authorId)}::int8[])
          as p(user_id, author_id)
        join feed.reader r on r.user_id = p.user_id
        cross join lateral (
          select * from feed.author_video v where v.author_id = p.author_id and v.pushed
          order by v.published_ms desc, v.video_id desc limit ${inboxSize}::int
        ) v
        on conflict do nothing`.execute(on);
    },
    /** Takes an author out of inboxes. One from which older entries were cut off has room for them again. */
    async removeFollows(on: Queryable<Tables>, pairs: { userId: string; authorId: string }[]): Promise<void> {
      const userIds = pairs.map((pair) => pair.userId);
      await sql`
        delete from feed.inbox i
        using unnest(${userIds}::int8[], ${pairs.map((pair) => pair.authorId)}::int8[]) as p(user_id, author_id)
        where i.user_id = p.user_id and i.author_id = p.author_id`.execute(on);
      await on
        .updateTable("reader")
        .set({ stale: true })
        .where("user_id", "=", sql<string>`any(${userIds}::int8[])`)
        .where("trimmed", "=", true)
        .execute();
    },

    delivery: (videoId: string): Promise<Delivery | undefined> =>
      db.selectFrom("delivery").selectAll().where("video_id", "=", videoId).executeTakeFirst(),
    /**
     * Delivers to a page of followers and notes how far it got, in one transaction. Nothing happens when the video has
     * been deleted since.
     */
    async deliverPage(delivery: Delivery, followerIds: string[], next: string, job: Job): Promise<void> {
      await db.transaction().execute(async (transaction) => {
        const row = await transaction
          .selectFrom("delivery")
          .select("video_id")
          .where("video_id", "=", delivery.video_id)
          .forUpdate()
          .executeTakeFirst();
        if (!row) return;
        const noted = transaction.updateTable("delivery").set({ before_follow: next });
        if (next) await noted.where("video_id", "=", delivery.video_id).execute();
        else {
          await transaction.deleteFrom("delivery").where("video_id", "=", delivery.video_id).execute();
          await job.finish(transaction);
        }
        await putIntoInboxes(transaction, toEntry(delivery), followerIds);
      });
    },

    /**
     * The database's snapshot when nothing is under way in it, else empty. All modules share the database; two
     * equal snapshots without running transactions mean that none has committed in between, in any schema.
     */
    async mark(): Promise<string> {
      const { rows } = await sql<{ mark: string }>`
        select case when pg_snapshot_xmin(s) = pg_snapshot_xmax(s) then s::text else '' end as mark
        from pg_current_snapshot() s`.execute(db);
      return rows[0]!.mark;
    },

    /** Who of these has no inbox yet, or one that must be filled first. Notes that they read, once a day. */
    async readersToFill(userIds: string[]): Promise<Set<string>> {
      const { rows } = await sql<{ user_id: string; stale: boolean; old: boolean }>`
        select user_id, stale, last_read_at < now() - interval '1 day' as old
        from feed.reader where user_id = any(${userIds}::int8[])`.execute(db);
      const old = rows.filter((row) => row.old).map((row) => row.user_id);
      if (old.length > 0) {
        // Whom deliveries have passed over meanwhile, is filled from the facts.
        await sql`
          update feed.reader
          set stale = stale or last_read_at <= now() - ${idleDays} * interval '1 day', last_read_at = now()
          where user_id = any(${old}::int8[])`.execute(db);
      }
      const ready = new Set(rows.filter((row) => !row.stale && !row.old).map((row) => row.user_id));
      const again = await sql<{ user_id: string }>`
        select user_id from feed.reader where user_id = any(${old}::int8[]) and not stale`.execute(db);
      for (const row of again.rows) ready.add(row.user_id);
      return new Set(userIds.filter((userId) => !ready.has(userId)));
    },
    /** Opens an inbox: from here on deliveries and follows reach it. */
    async openInbox(userId: string): Promise<void> {
      await db
        .insertInto("reader")
        .values({ user_id: userId })
        .onConflict((conflict) =>
          conflict.column("user_id").doUpdateSet({ last_read_at: sql`now()`, stale: true }),
        )
        .execute();
    },
    /** Fills an inbox from what its owner follows. What has come in since it was opened stays. */
    async fillInbox(userId: string, authorIds: string[]): Promise<void> {
      await db.transaction().execute(async (transaction) => {
        await sql`
          insert into feed.inbox (user_id, published_ms, video_id, author_id)
          select ${userId}, v.published_ms, v.video_id, v.author_id
          from unnest(${authorIds}::int8[]) as a(author_id)
          cross join lateral (
            select * from feed.author_video v where v.author_id = a.author_id and v.pushed
            order by v.published_ms desc, v.video_id desc limit ${inboxSize}::int
          ) v
          order by v.published_ms desc, v.video_id desc limit ${inboxSize + 1}::int
          on conflict do nothing`.execute(transaction);
        await transaction
          .updateTable("reader")
          .set({ stale: false, trimmed: false })
          .where("user_id", "=", userId)
          .execute();
        await trim(transaction, [userId]);
      });
    },
    /** Pages of many inboxes at once, newest first; deleted videos are left out. */
    async inboxPages(queries: PageQuery[]): Promise<Authored[][]> {
      const { rows } = await sql<EntryRow & { i: string }>`
        select q.i, e.published_ms, e.video_id, e.author_id
        from unnest(${queries.map((q) => q.userId)}::int8[], ${queries.map((q) => q.before.publishedAtMs)}::int8[],
          ${queries.map((q) => q.before.videoId)}::int8[], ${queries.map((q) => q.limit)}::int[])
          with ordinality as q(user_id, ms, id, n, i)
        cross join lateral (
          select published_ms, video_id, author_id from feed.inbox e
          where e.user_id = q.user_id and (e.published_ms, e.video_id) < (q.ms, q.id)
            and exists (
              select from feed.author_video v
              where v.author_id = e.author_id and v.published_ms = e.published_ms and v.video_id = e.video_id
            )
          order by e.published_ms desc, e.video_id desc limit q.n
        ) e`.execute(db);
      const pages: Authored[][] = queries.map(() => []);
      for (const row of rows) pages[Number(row.i) - 1]!.push(toEntry(row));
      return pages;
    },
    pulledAuthors: async (): Promise<string[]> =>
      (await db.selectFrom("author").select("author_id").where("pulled", "=", true).execute()).map(
        (row) => row.author_id,
      ),
    /** What large authors published without delivering it. */
    async pulledPage(authorIds: string[], before: Entry, limit: number): Promise<Authored[]> {
      const { rows } = await sql<EntryRow>`
        select v.published_ms, v.video_id, v.author_id
        from unnest(${authorIds}::int8[]) as a(author_id)
        cross join lateral (
          select * from feed.author_video v
          where v.author_id = a.author_id and not v.pushed
            and (v.published_ms, v.video_id) < (${before.publishedAtMs}::int8, ${before.videoId}::int8)
          order by v.published_ms desc, v.video_id desc limit ${limit}::int
        ) v
        order by v.published_ms desc, v.video_id desc limit ${limit}::int`.execute(db);
      return rows.map(toEntry);
    },
    /** Takes the inboxes away from those who have not read for long; tells how many. */
    async closeIdleInboxes(): Promise<number> {
      const { rows } = await sql<{ user_id: string }>`
        with idle as (
          delete from feed.reader where user_id in (
            select user_id from feed.reader where last_read_at < now() - ${idleDays} * interval '1 day' limit 1000
          ) returning user_id
        ), emptied as (delete from feed.inbox where user_id in (select user_id from idle))
        select user_id from idle`.execute(db);
      return rows.length;
    },
  };
}

export type FeedStore = ReturnType<typeof feedStore>;

async function putIntoInboxes(on: Queryable<Tables>, video: Authored, followerIds: string[]): Promise<void> {
  await sql`
    insert into feed.inbox (user_id, published_ms, video_id, author_id)
    select r.user_id, ${video.publishedAtMs}, ${video.videoId}, ${video.authorId}
    from feed.reader r
    where r.user_id = any(${followerIds}::int8[]) and r.last_read_at > now() - ${idleDays} * interval '1 day'
    on conflict do nothing`.execute(on);
  await trim(
    on,
    followerIds.filter((id) => sampled(id, video.videoId)),
  );
}

/** One delivery in 64 also trims: an inbox grows a little over its size and never far. */
function sampled(userId: string, videoId: string): boolean {
  return (BigInt(userId) ^ BigInt(videoId)) % 64n === 0n;
}

async function trim(on: Queryable<Tables>, userIds: string[]): Promise<void> {
  if (userIds.length === 0) return;
  await sql`
    with last as (
      select u.user_id, e.published_ms, e.video_id
      from unnest(${userIds}::int8[]) as u(user_id)
      cross join lateral (
        select published_ms, video_id from feed.inbox e where e.user_id = u.user_id
        order by e.published_ms desc, e.video_id desc offset ${inboxSize - 1}::int limit 1
      ) e
    ), cut as (
      delete from feed.inbox e using last
      where e.user_id = last.user_id and (e.published_ms, e.video_id) < (last.published_ms, last.video_id)
      returning e.user_id
    )
    update feed.reader set trimmed = true where user_id in (select user_id from cut)`.execute(on);
}
