import { sql } from "kysely";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import type { Kysely, Queryable, Transaction } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { bringVideos, type ReaderOfAuthor, trim } from "./inbox-rows.ts";
import { addPulls } from "./pulls.ts";
import { fillMs, idleDays, inboxSize } from "./rules.ts";
import type { Tables } from "./tables.ts";

/**
 * The SQL of who has an inbox and who delivers to it. Whoever changes an inbox that may be being filled, which is
 * one that is stale or capped, locks its reader first: so all take the same order.
 */
export function readerStore(db: Kysely<Tables>) {
  return {
    /**
     * Who of these has no inbox yet, or one that must be filled first, and of whom it must be seen whether they
     * follow too many by now. Notes that they read, once a day; only then is there something to see.
     */
    async readersToFill(userIds: string[]): Promise<{ fill: Set<string>; look: Set<string> }> {
      const { rows } = await sql<{ user_id: string; stale: boolean; old: boolean }>`
        select user_id, stale, last_read_at < now() - interval '1 day' as old
        from feed.reader where user_id = any(${userIds}::int8[])`.execute(db);
      const old = rows.filter((row) => row.old).map((row) => row.user_id);
      const ready = new Set(rows.filter((row) => !row.stale && !row.old).map((row) => row.user_id));
      const look = new Set<string>();
      if (old.length > 0) {
        // Whom deliveries have passed over meanwhile, is filled from the facts; who is capped, is chosen for anew.
        const noted = await sql<{ user_id: string; stale: boolean }>`
          update feed.reader
          set stale = stale or capped or last_read_at <= now() - ${idleDays} * interval '1 day', last_read_at = now()
          where user_id = any(array(
            select user_id from feed.reader where user_id = any(${old}::int8[]) order by user_id for update
          )) returning user_id, stale`.execute(db);
        for (const row of noted.rows) if (!row.stale) look.add(row.user_id);
      }
      return { fill: new Set(userIds.filter((id) => !ready.has(id) && !look.has(id))), look };
    },
    /**
     * Opens an inbox: from here on every delivery and follow reaches it. Gives the generation to fill, which is that
     * of a filling under way elsewhere when there is one: the first of them to end decides. Error: SESSION_ENDED.
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
     * Fills an inbox with the videos of these authors, and of those that have come in as sources since it was
     * opened; nobody else's stay. `capped`: from now on only these deliver to it. When something happened since it
     * was opened that the list of authors may lack, it is left to be filled again. One that another has filled
     * meanwhile is left alone: the list may be older than what has happened to it since. `followed` are those to pull
     * from, which is everybody whom the reader follows.
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
      // A batch of deliveries and we may come to the same entries in two orders.
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
            // A generation is filled once: others that fill it come too late, also if it is stale again by then.
            .set({ stale: false, trimmed: false, capped, opened_at: null, generation: generation + 1 })
            .where("user_id", "=", userId)
            .execute();
          if (!capped) await transaction.deleteFrom("source").where("user_id", "=", userId).execute();
        }
        await trim(transaction, [userId]);
      });
    },
    /** To be called before the first entry is written in a transaction that is to add or remove follows. */
    async lockReaders(on: Transaction<Tables>, pairs: ReaderOfAuthor[]): Promise<void> {
      await lockReaders(on, pairs);
    },
    /** Brings an author's delivered videos into the inboxes of new followers who have one. */
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
     * Takes an author out of inboxes. One from which older entries were cut off has room for them again; one that is
     * being filled may get them back from a list of before.
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
    /** Who of these is capped, or may be about to be: their inbox is being filled. */
    async cappedReaders(userIds: string[]): Promise<Set<string>> {
      const { rows } = await sql<{ user_id: string }>`
        select user_id from feed.reader where user_id = any(${userIds}::int8[])
          and (capped or (stale and last_read_at > now() - interval '1 minute'))`.execute(db);
      return new Set(rows.map((row) => row.user_id));
    },
    /** Lets authors deliver to capped readers, with what they have delivered to others. */
    async addSources(on: Transaction<Tables>, pairs: ReaderOfAuthor[]): Promise<void> {
      const chosen = await lockReaders(on, pairs);
      const found = pairs.filter((pair) => chosen.has(pair.userId));
      await addSourceRows(on, found);
      await bringVideos(on, found);
    },
    /** Takes the inboxes away from those who have not read for long; tells how many. */
    async closeIdleInboxes(): Promise<number> {
      const idle = sql`last_read_at < now() - ${idleDays} * interval '1 day'`;
      const { rows } = await sql<{ user_id: string }>`
        with idle as (
          delete from feed.reader where user_id in (
            select user_id from feed.reader where ${idle} limit 1000
          ) and ${idle} -- again, of a row that we had to wait for
          returning user_id
        ), emptied as (delete from feed.inbox where user_id in (select user_id from idle)),
        unchosen as (delete from feed.source where user_id in (select user_id from idle)),
        unpulled as (delete from feed.pull where user_id in (select user_id from idle))
        select user_id from idle`.execute(db);
      return rows.length;
    },
  };
}

/** Locks whose inbox may be worked on, in the order of ids; tells who takes deliveries from chosen authors only. */
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
