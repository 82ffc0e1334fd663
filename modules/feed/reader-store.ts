import { sql } from "kysely";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import type { Kysely, Queryable, Transaction } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { bringVideos, type ReaderOfAuthor, trim } from "./inbox-rows.ts";
import { addPulls } from "./pulls.ts";
import { fillMs, idleDays, inboxSize } from "./rules.ts";
import type { Tables } from "./tables.ts";

/**
 * The SQL of which readers have an inbox and who delivers to it. A transaction that changes an inbox which may be
 * filled at the same time (a stale or capped one) locks its reader first, so that all take locks in the same order.
 */
export function readerStore(db: Kysely<Tables>) {
  /** Readers whom deliveries have skipped are filled from the facts; capped ones get new sources. */
  const skipped = sql`(capped or last_read_at <= now() - ${idleDays} * interval '1 day')`;
  /** Records that readers are here, after a day or more. */
  async function recordVisits(userIds: string[]): Promise<void> {
    await sql`
      update feed.reader set stale = stale or ${skipped}, last_read_at = now()
      where user_id = any(array(
        select user_id from feed.reader
        where user_id = any(${userIds}::int8[]) and last_read_at < now() - interval '1 day'
        order by user_id for update
      ))`.execute(db);
  }
  return {
    /**
     * Which of these readers have no inbox or one that must be filled, and who may follow too many by now: those whose
     * last visit was a day ago. Their visit is recorded by recordVisits when that was looked at.
     */
    async readersToFill(userIds: string[]): Promise<{ fill: Set<string>; look: Set<string> }> {
      const { rows } = await sql<{ user_id: string; stale: boolean; old: boolean; refill: boolean }>`
        select user_id, stale, last_read_at < now() - interval '1 day' as old, ${skipped} as refill
        from feed.reader where user_id = any(${userIds}::int8[])`.execute(db);
      const ready = rows.filter((row) => !row.stale && !row.old).map((row) => row.user_id);
      const old = rows.filter((row) => row.old);
      const look = old.filter((row) => !row.stale && !row.refill).map((row) => row.user_id);
      const refill = old.filter((row) => row.stale || row.refill).map((row) => row.user_id);
      if (refill.length > 0) await recordVisits(refill);
      const kept = new Set([...ready, ...look]);
      return { fill: new Set(userIds.filter((id) => !kept.has(id))), look: new Set(look) };
    },
    recordVisits,
    /**
     * Opens an inbox: every delivery and follow reaches it from here on. Returns the generation to fill, which is the
     * one in progress elsewhere if there is one: the first to finish decides. Error: SESSION_ENDED.
     */
    async openInbox(userId: string): Promise<number> {
      return inTransaction(db, async (transaction) => {
        const underWay = sql`(r.opened_at > now() - ${fillMs} * interval '1 ms') is true`;
        const { rows } = await sql<{ generation: number; gone: boolean; first: boolean }>`
          insert into feed.reader as r (user_id, opened_at, pulls_seen)
          select ${userId}, now(), value from feed.pull_clock
          on conflict (user_id) do update set last_read_at = now(), stale = true,
            pulls_seen = case when ${underWay} then r.pulls_seen else excluded.pulls_seen end,
            generation = case when ${underWay} then r.generation else r.generation + 1 end,
            opened_at = case when ${underWay} then r.opened_at else now() end
          returning generation, gone, opened_at = now() as first`.execute(transaction);
        const { generation, gone, first } = rows[0]!;
        if (gone) throw accountDeleted();
        if (first)
          for (const table of ["source", "pull"] as const)
            await transaction.deleteFrom(table).where("user_id", "=", userId).execute();
        return generation;
      });
    },
    /**
     * Fills an inbox with the videos of these authors and of sources added since it was opened, and removes all
     * others. `capped`: only these authors deliver to it from now on. If something happened since it was opened that
     * the list of authors may lack, it is left to be filled again. If another process has filled it meanwhile, it is
     * left alone: the list may be out of date. `followed` are the authors to pull from: everybody the reader
     * follows.
     */
    async fillInbox(
      userId: string,
      {
        generation,
        authorIds,
        capped,
        followed = authorIds,
      }: { generation: number; authorIds: string[]; capped: boolean; followed?: string[] },
    ): Promise<void> {
      // A batch of deliveries could reach the same entries in another order.
      await inTransaction(db, async (transaction) => {
        const reader = await transaction
          .selectFrom("reader")
          .select(["generation", "stale", "gone"])
          .where("user_id", "=", userId)
          .forUpdate()
          .executeTakeFirst();
        if (!reader?.stale || reader.gone) return;
        const current = reader.generation === generation;
        if (capped && current)
          await addSourceRows(
            transaction,
            authorIds.map((authorId) => ({ userId, authorId })),
          );
        const sources = await transaction
          .selectFrom("source")
          .select("author_id")
          .where("user_id", "=", userId)
          .execute();
        const from = [...new Set([...authorIds, ...sources.map((row) => row.author_id)])];
        await fillFrom(transaction, userId, from);
        if (current) {
          await addPulls(
            transaction,
            followed.map((authorId) => ({ userId, authorId })),
          );
          await transaction
            .updateTable("reader")
            // A generation is filled once. Others that fill it come too late, even if it is stale again by then.
            .set({ stale: false, trimmed: false, capped, opened_at: null, generation: generation + 1 })
            .where("user_id", "=", userId)
            .execute();
          if (!capped) await transaction.deleteFrom("source").where("user_id", "=", userId).execute();
        }
        await trim(transaction, [userId]);
      });
    },
    /** Call this before the first write of a transaction that adds or removes follows. */
    async lockReaders(on: Transaction<Tables>, pairs: ReaderOfAuthor[]): Promise<void> {
      await lockReaders(on, pairs);
    },
    /** Adds an author's delivered videos to the inboxes of new followers who have one. */
    async addFollows(on: Transaction<Tables>, pairs: ReaderOfAuthor[]): Promise<void> {
      const chosen = await lockReaders(on, pairs);
      await addSourceRows(
        on,
        pairs.filter((pair) => chosen.has(pair.userId)),
      );
      await addPulls(on, pairs);
      await bringVideos(on, pairs);
    },
    /**
     * Removes an author from inboxes. An inbox that was trimmed has room for older entries again; one that is being
     * filled may get this author back from an older list.
     */
    async removeFollows(on: Transaction<Tables>, pairs: ReaderOfAuthor[]): Promise<void> {
      const userIds = pairs.map((pair) => pair.userId);
      await lockReaders(on, pairs);
      await sql`
        update feed.reader set stale = true, generation = generation + 1
        where user_id = any(${userIds}::int8[]) and (stale or trimmed)`.execute(on);
      for (const table of [sql`feed.inbox`, sql`feed.source`, sql`feed.pull`]) {
        await sql`
          delete from ${table} i
          using unnest(${userIds}::int8[], ${pairs.map((pair) => pair.authorId)}::int8[]) as p(user_id, author_id)
          where i.user_id = p.user_id and i.author_id = p.author_id`.execute(on);
      }
    },
    /** Which of these readers are capped, or may be soon: their inbox is being filled. */
    async cappedReaders(userIds: string[]): Promise<Set<string>> {
      const { rows } = await sql<{ user_id: string }>`
        select user_id from feed.reader where user_id = any(${userIds}::int8[])
          and (capped or (stale and last_read_at > now() - interval '1 minute'))`.execute(db);
      return new Set(rows.map((row) => row.user_id));
    },
    /** Lets authors deliver to capped readers, and adds what they have delivered to others. */
    async addSources(on: Transaction<Tables>, pairs: ReaderOfAuthor[]): Promise<void> {
      const chosen = await lockReaders(on, pairs);
      const found = pairs.filter((pair) => chosen.has(pair.userId));
      await addSourceRows(on, found);
      await bringVideos(on, found);
    },
    /** Removes the inboxes of up to `limit` readers who have not read for long; returns how many. */
    async closeIdleInboxes(limit: number): Promise<number> {
      const idle = sql`last_read_at < now() - ${idleDays} * interval '1 day'`;
      const { rows } = await sql<{ user_id: string }>`
        with idle as (
          delete from feed.reader where user_id = any(array(
            select user_id from feed.reader where user_id = any(array(
              select user_id from feed.reader where ${idle} limit ${limit}::int
            )) and ${idle} -- again, of a row that we had to wait for
            order by user_id for update
          )) returning user_id
        ), emptied as (delete from feed.inbox where user_id in (select user_id from idle)),
        unchosen as (delete from feed.source where user_id in (select user_id from idle)),
        unpulled as (delete from feed.pull where user_id in (select user_id from idle))
        select user_id from idle`.execute(db);
      return rows.length;
    },
  };
}

/**
 * Locks readers whose inboxes may be filled at the same time, in the order of ids; returns which take deliveries from
 * chosen authors only.
 */
async function lockReaders(on: Transaction<Tables>, pairs: ReaderOfAuthor[]): Promise<Set<string>> {
  const { rows } = await sql<{ user_id: string; choosing: boolean }>`
    select user_id, capped or stale as choosing from feed.reader
    where user_id = any(${pairs.map((pair) => pair.userId)}::int8[]) and not gone and (capped or stale or trimmed)
    order by user_id for update`.execute(on);
  return new Set(rows.filter((row) => row.choosing).map((row) => row.user_id));
}

async function addSourceRows(on: Queryable<Tables>, pairs: ReaderOfAuthor[]): Promise<void> {
  if (pairs.length === 0) return;
  await sql`
    insert into feed.source (user_id, author_id)
    select * from unnest(${pairs.map((pair) => pair.userId)}::int8[], ${pairs.map((pair) => pair.authorId)}::int8[])
    on conflict do nothing`.execute(on);
}

async function fillFrom(on: Queryable<Tables>, userId: string, authorIds: string[]): Promise<void> {
  await sql`
    delete from feed.inbox where user_id = ${userId} and not (author_id = any(${authorIds}::int8[]))`.execute(
    on,
  );
  await sql`
    insert into feed.inbox (user_id, published_ms, video_id, author_id)
    select ${userId}, v.published_ms, v.video_id, v.author_id
    from unnest(${authorIds}::int8[]) as a(author_id)
    cross join lateral (
      select * from feed.author_video v where v.author_id = a.author_id and v.pushed
      order by v.published_ms desc, v.video_id desc limit ${inboxSize}::int
    ) v
    order by v.published_ms desc, v.video_id desc limit ${inboxSize + 1}::int
    on conflict do nothing`.execute(on);
}
