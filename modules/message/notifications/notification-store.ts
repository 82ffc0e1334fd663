import { sql } from "kysely";
import { unlessDeleted } from "#contracts/deleted-accounts.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { type LateTold, tellEveryMs, toldLately } from "../late-teller.ts";
import type { Tables } from "../tables.ts";
import { appendAndEmit, entryKinds, type NewEntry } from "../timeline-store.ts";
import type { Change } from "./changes.ts";
import { applyChanges, type NotificationRef, peopleOf, type Touched } from "./fact-store.ts";
import { isShownNotification } from "./shown.ts";

/** Facts of one notification that are kept; the rest is a number. */
export const maxFacts = 1_000;
/** How many a person keeps, and for how long. */
const maxKept = 500;
const trimEvery = 25;
const keptMs = 90 * 24 * 3_600_000;
/** Longer than events are kept, so that none about a video comes later. */
const goneKeptMs = 30 * 24 * 3_600_000;
const ownTables = [
  ...(["push_subscription", "notification_fact", "notification", "notification_block", "notified"] as const),
  "message_push" as const,
];
const shown = isShownNotification(sql`n`);
/** Rows in one statement of a chore. */
const chunk = 500;

type Locked = Pick<Tables["notified"], "user_id"> & {
  position: string;
  unlisted: number[];
  unpushed: number[];
  told_ms: string;
};

export interface NotificationRow {
  kind: number;
  subject_id: string;
  position: string;
  at_ms: string;
  seen: boolean;
  people: string;
  actor_ids: string[];
  video_id: string;
  /** Of a comment, a reply, or a mention. */
  fact_id: string | null;
  thread_id: string | null;
}

/** What a batch of changes leads to after its commit. */
interface Applied {
  heads: TimelineHead[];
  /** When devices are to be told of what waits. */
  lateAtMs: number | undefined;
}

interface NotificationSetting {
  kind: number;
  list: boolean;
  push: boolean;
}

/** Locks people's rows in the order of ids, made where they are missing. Whoever changes a list holds its row. */
export async function lockPeople(
  on: Queryable<Tables>,
  userIds: readonly string[],
): Promise<Map<string, Locked>> {
  await sql`
    insert into message.notified (user_id)
    select id from unnest(${userIds}::int8[]) as w(id) order by id on conflict do nothing`.execute(on);
  const { rows } = await sql<Locked>`
    select user_id, position, unlisted, unpushed, told_ms from message.notified
    where user_id = any(${userIds}::int8[]) order by user_id for update`.execute(on);
  return new Map(rows.map((row) => [row.user_id, row]));
}

async function goneAmong(on: Queryable<Tables>, userIds: readonly string[]): Promise<Set<string>> {
  const rows = await on
    .selectFrom("person")
    .select("user_id")
    .where("gone", "=", true)
    .where("user_id", "=", sql<string>`any(${userIds}::int8[])`)
    .execute();
  return new Set(rows.map((row) => row.user_id));
}

/**
 * Applies what happened, in its order, with entries in the timelines of those concerned; once, within a transaction.
 * `push` is given the notifications with news that may be pushed.
 */
export async function applyToLists(
  on: Queryable<Tables>,
  changes: readonly Change[],
  { emit, push }: { emit: Emit; push(news: readonly NotificationRef[]): Promise<void> },
  nowMs = Date.now(),
): Promise<Applied> {
  const concerned = await peopleOf(on, changes);
  const gone = await goneAmong(on, concerned);
  const people = await lockPeople(
    on,
    concerned.filter((id) => !gone.has(id)),
  );
  const touched = await applyChanges(on, changes, (id) => gone.has(id));
  await recount(
    on,
    touched.filter(({ news, missing }) => !news || missing > 0),
  );
  const news = touched.filter((one) => one.news);
  if (news.length === 0) return { heads: [], lateAtMs: undefined };
  const positions = positionsOf(news, people);
  const counts = await writeNews(on, news, positions, nowMs);
  // Of few people there are seldom many facts.
  const mayBeFull = (_: unknown, i: number) =>
    counts[i]! > maxFacts || Number(positions[i]) % trimEvery === 0;
  await trimFacts(on, news.filter(mayBeFull));
  await trimLists(on, people, positions);
  // What fell out again at once is told to nobody.
  const wanted = news.filter(
    ({ userId, kind }, i) => counts[i]! > 0 && !people.get(userId)!.unlisted.includes(kind),
  );
  const told = await tell(on, news, positions, wanted, people, nowMs);
  await push(wanted.filter(({ userId, kind }) => !people.get(userId)!.unpushed.includes(kind)));
  const heads = await appendAndEmit(on, emit, told.entries);
  return { heads, lateAtMs: told.lateAtMs };
}

/** Moves people's positions on, and says which of them are told of their latest news now, and when the first later. */
async function tell(
  on: Queryable<Tables>,
  news: readonly NotificationRef[],
  positions: readonly string[],
  wanted: readonly NotificationRef[],
  people: ReadonlyMap<string, Locked>,
  nowMs: number,
): Promise<{ entries: NewEntry[]; lateAtMs: number | undefined }> {
  const latest = new Map(news.map(({ userId }, i) => [userId, positions[i]!]));
  const latestWanted = new Map(wanted.map((one) => [one.userId, one]));
  const toldMs = (userId: string) => Number(people.get(userId)!.told_ms);
  const { fromMs, toMs } = toldLately(nowMs);
  const isWaiting = (userId: string) => toldMs(userId) >= fromMs && toldMs(userId) <= toMs;
  const userIds = [...latest.keys()];
  const waiting = userIds.filter((id) => latestWanted.has(id) && isWaiting(id));
  const now = userIds.filter((id) => latestWanted.has(id) && !isWaiting(id));
  await sql`
    update message.notified p set position = w.position, untold = w.waits or p.untold and not w.now,
      told = case when w.now then w.position else p.told end,
      told_ms = case when w.now then ${nowMs}::int8 else p.told_ms end
    from unnest(${userIds}::int8[], ${[...latest.values()]}::int8[],
      ${userIds.map((id) => waiting.includes(id))}::boolean[], ${userIds.map((id) => now.includes(id))}::boolean[])
      as w(user_id, position, waits, now)
    where p.user_id = w.user_id`.execute(on);
  return {
    entries: now.map((id) => entryOf(latestWanted.get(id)!, nowMs)),
    lateAtMs: waiting.length > 0 ? Math.min(...waiting.map(toldMs)) + tellEveryMs : undefined,
  };
}

function entryOf({ userId, kind, subjectId }: NotificationRef, atMs: number): NewEntry {
  const at = { userId, kind: "notification", atMs, peerId: "0" } as const;
  return { ...at, subjectId, actorId: String(kind), unread: 0 };
}

/** The people of a notification, from its facts. */
const counted = sql`
  cross join lateral (
    select count(distinct f.actor_id) as people, max(f.at_ms) as at_ms from message.notification_fact f
    where f.user_id = w.user_id and f.kind = w.kind and f.subject_id = w.subject_id
  ) c`;

function names(refs: readonly NotificationRef[]) {
  return sql`${refs.map((one) => one.userId)}::int8[], ${refs.map((one) => one.kind)}::int2[],
    ${refs.map((one) => one.subjectId)}::int8[]`;
}

/** After something has fallen out. */
async function recount(on: Queryable<Tables>, touched: readonly Touched[]): Promise<void> {
  if (touched.length === 0) return;
  await sql`
    update message.notification n
    set people = c.people, at_ms = coalesce(c.at_ms, n.at_ms), beyond = greatest(n.beyond - w.missing, 0)
    from unnest(${names(touched)}, ${touched.map((one) => one.missing)}::int8[])
      as w(user_id, kind, subject_id, missing) ${counted}
    where n.user_id = w.user_id and n.kind = w.kind and n.subject_id = w.subject_id`.execute(on);
}

/** Each notification with news has the next position of its person. */
function positionsOf(news: readonly NotificationRef[], people: ReadonlyMap<string, Locked>): string[] {
  const last = new Map<string, bigint>();
  return news.map(({ userId }) => {
    const next = (last.get(userId) ?? BigInt(people.get(userId)!.position)) + 1n;
    last.set(userId, next);
    return String(next);
  });
}

/** Returns the people of each. */
async function writeNews(
  on: Queryable<Tables>,
  news: readonly Touched[],
  positions: readonly string[],
  nowMs: number,
): Promise<number[]> {
  const { rows } = await sql<Pick<Tables["notification"], "user_id" | "kind" | "subject_id" | "people">>`
    insert into message.notification as n (user_id, kind, subject_id, video_id, position, at_ms, people)
    select w.user_id, w.kind, w.subject_id, w.video_id, w.position, coalesce(c.at_ms, ${nowMs}), c.people
    from unnest(${names(news)}, ${news.map((one) => one.videoId)}::int8[], ${positions}::int8[])
      as w(user_id, kind, subject_id, video_id, position) ${counted}
    order by w.user_id, w.position
    on conflict (user_id, kind, subject_id) do update set
      position = excluded.position, at_ms = excluded.at_ms, people = excluded.people
    returning user_id, kind, subject_id, people`.execute(on);
  const byName = new Map(rows.map((row) => [`${row.user_id} ${row.kind} ${row.subject_id}`, row]));
  return news.map(({ userId, kind, subjectId }) =>
    Number(byName.get(`${userId} ${kind} ${subjectId}`)!.people),
  );
}

/** Of very many facts the oldest become a number: of the people of whom none is left. */
async function trimFacts(on: Queryable<Tables>, news: readonly NotificationRef[]): Promise<void> {
  if (news.length === 0) return;
  await sql`
    with full_ones as materialized (
      select n.user_id, n.kind, n.subject_id from unnest(${names(news)}) as n(user_id, kind, subject_id)
      where (select count(*) from message.notification_fact f
        where f.user_id = n.user_id and f.kind = n.kind and f.subject_id = n.subject_id) > ${maxFacts + maxFacts / 10}
    ), dropped as (
      delete from message.notification_fact f using full_ones o
      where f.user_id = o.user_id and f.kind = o.kind and f.subject_id = o.subject_id and f.fact_id in (
        select fact_id from message.notification_fact k
        where k.user_id = o.user_id and k.kind = o.kind and k.subject_id = o.subject_id
        order by k.at_ms desc, k.fact_id desc offset ${maxFacts}
      )
      returning f.user_id, f.kind, f.subject_id, f.fact_id, f.actor_id
    ), kept as (
      select o.*, count(distinct f.actor_id) as people
      from full_ones o join message.notification_fact f using (user_id, kind, subject_id)
      where not exists (select from dropped d where d.user_id = f.user_id and d.kind = f.kind
        and d.subject_id = f.subject_id and d.fact_id = f.fact_id)
      group by 1, 2, 3
    )
    update message.notification n set beyond = n.beyond + n.people - k.people, people = k.people
    from kept k where n.user_id = k.user_id and n.kind = k.kind and n.subject_id = k.subject_id`.execute(on);
}

/** Removes what a person has too much of: now and then. */
async function trimLists(
  on: Queryable<Tables>,
  people: ReadonlyMap<string, Locked>,
  positions: readonly string[],
): Promise<void> {
  const due = [...people.values()].filter(
    ({ position }) =>
      Number(position) > maxKept && (Number(position) % trimEvery) + positions.length >= trimEvery,
  );
  if (due.length === 0) return;
  await sql`
    with old as (
      delete from message.notification n using unnest(${due.map((one) => one.user_id)}::int8[]) as w(user_id)
      where n.user_id = w.user_id and n.position <= (
        select k.position from message.notification k where k.user_id = w.user_id
        order by k.position desc offset ${maxKept} limit 1
      )
      returning n.user_id, n.kind, n.subject_id
    )
    delete from message.notification_fact f using old o
    where f.user_id = o.user_id and f.kind = o.kind and f.subject_id = o.subject_id`.execute(on);
}

/** The SQL of people's notifications, except for what adds to them. */
export function notificationStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  /** Runs with one person's row, and tells their devices when it says so. */
  const changeOwn = (
    userId: string,
    change: (on: Queryable<Tables>) => Promise<boolean>,
  ): Promise<TimelineHead[]> =>
    unlessDeleted(() =>
      events.transaction(db, async (transaction, emit) => {
        await lockPeople(transaction, [userId]);
        if (!(await change(transaction))) return [];
        const entry = entryOf({ userId, kind: 0, subjectId: "0" }, Date.now());
        return appendAndEmit(transaction, emit, [entry]);
      }),
    );
  return {
    /** A person's notifications before a position, the latest first. */
    async list(userId: string, before: string, limit: number): Promise<NotificationRow[]> {
      const { rows } = await sql<NotificationRow>`
        select n.kind, n.subject_id, n.position, n.at_ms, n.position <= p.seen as seen, n.people + n.beyond as people,
          n.video_id, a.actor_ids, l.fact_id, l.thread_id
        from message.notified p
        join message.notification n on n.user_id = p.user_id
        cross join lateral (
          select array_agg(actor_id::text order by at_ms desc, actor_id) as actor_ids from (
            select f.actor_id, max(f.at_ms) as at_ms from message.notification_fact f
            where f.user_id = n.user_id and f.kind = n.kind and f.subject_id = n.subject_id
            group by f.actor_id order by 2 desc, 1 limit 3
          ) latest
        ) a
        left join lateral (
          select f.fact_id, f.thread_id from message.notification_fact f
          where f.user_id = n.user_id and f.kind = n.kind and f.subject_id = n.subject_id
          order by f.at_ms desc, f.fact_id desc limit 1
        ) l on true
        where p.user_id = ${userId}::int8 and n.position < ${before}::int8 and ${shown}
          and n.kind <> all(p.unlisted)
        order by n.position desc limit ${limit}`.execute(db);
      return rows;
    },
    /** How many each of these people has not seen. */
    async unseen(userIds: string[]): Promise<number[]> {
      const { rows } = await sql<{ user_id: string; count: number }>`
        select n.user_id, count(*)::int4 as count
        from message.notified p
        join message.notification n on n.user_id = p.user_id and n.position > p.seen
        where p.user_id = any(${userIds}::int8[]) and ${shown} and n.kind <> all(p.unlisted)
        group by 1`.execute(db);
      const found = new Map(rows.map((row) => [row.user_id, row.count]));
      return userIds.map((id) => found.get(id) ?? 0);
    },
    /** Moves the mark, never back and never beyond the latest; returns whose timelines have got how far. */
    markSeen: (userId: string, upTo: string): Promise<TimelineHead[]> =>
      changeOwn(userId, async (on) => {
        const { numAffectedRows } = await sql`
          update message.notified set seen = least(${upTo}::int8, position)
          where user_id = ${userId}::int8 and seen < least(${upTo}::int8, position)`.execute(on);
        return Number(numAffectedRows) > 0;
      }),
    /** The kinds that a person does not want in the list, or not pushed. */
    async settings(userId: string): Promise<{ unlisted: number[]; unpushed: number[] }> {
      const row = await db
        .selectFrom("notified")
        .select(["unlisted", "unpushed"])
        .where("user_id", "=", userId)
        .executeTakeFirst();
      return row ?? { unlisted: [], unpushed: [] };
    },
    set: (userId: string, settings: readonly NotificationSetting[]): Promise<TimelineHead[]> =>
      changeOwn(userId, async (on) => {
        const given = settings.map(({ kind }) => kind);
        const kindsOf = (off: NotificationSetting[]) => off.map(({ kind }) => kind);
        await sql`
          update message.notified set
            unlisted = array(select k from unnest(unlisted) as k where k <> all(${given}::int2[]))
              || ${kindsOf(settings.filter(({ list }) => !list))}::int2[],
            unpushed = array(select k from unnest(unpushed) as k where k <> all(${given}::int2[]))
              || ${kindsOf(settings.filter(({ push }) => !push))}::int2[]
          where user_id = ${userId}::int8`.execute(on);
        return true;
      }),
    /** Tells devices of what became new soon after they were told last. */
    async tellLate(nowMs = Date.now()): Promise<LateTold> {
      const waits = sql`p.untold and not exists (
        select from message.person g where g.user_id = p.user_id and g.gone)`;
      const { fromMs, toMs } = toldLately(nowMs);
      const due = sql`${waits} and p.told_ms not between ${fromMs} and ${toMs}`;
      const heads = await unlessDeleted(() =>
        events.transaction(db, async (transaction, emit) => {
          const { rows: waiting } = await sql<{ user_id: string }>`
            select user_id from message.notified p where ${due} order by told_ms limit ${chunk}`.execute(
            transaction,
          );
          if (waiting.length === 0) return [];
          const userIds = waiting.map((row) => row.user_id);
          await lockPeople(transaction, userIds);
          const { rows } = await sql<{ user_id: string; kind: number | null; subject_id: string }>`
            with due as materialized (
              select p.user_id, n.kind, n.subject_id from message.notified p
              left join lateral (
                select kind, subject_id from message.notification n
                where n.user_id = p.user_id and n.position > p.told and ${shown} and n.kind <> all(p.unlisted)
                order by n.position desc limit 1
              ) n on true
              where p.user_id = any(${userIds}::int8[]) and ${due}
            ), told as (
              update message.notified p set untold = false, told = p.position, told_ms = ${nowMs}
              from due d where p.user_id = d.user_id
            )
            select user_id, kind, subject_id from due`.execute(transaction);
          const entries = rows.flatMap(({ user_id: userId, kind, subject_id: subjectId }) =>
            kind === null ? [] : entryOf({ userId, kind, subjectId }, nowMs),
          );
          return appendAndEmit(transaction, emit, entries);
        }),
      );
      const { rows } = await sql<{ told_ms: string | null }>`
        select min(told_ms) as told_ms from message.notified p where ${waits}`.execute(db);
      const [first] = rows;
      return { heads, nextAtMs: first?.told_ms ? Number(first.told_ms) + tellEveryMs : undefined };
    },
    /** Removes what is too old. */
    async expire(stopping: AbortSignal): Promise<void> {
      await sql`delete from message.notification_gone_video where at_ms < ${Date.now() - goneKeptMs}`.execute(
        db,
      );
      for (let removed = chunk; removed === chunk && !stopping.aborted; ) {
        const { rows } = await sql<{ count: number }>`
          with old as (
            delete from message.notification where ctid = any (array(
              select ctid from message.notification where at_ms < ${Date.now() - keptMs} order by at_ms limit ${chunk}
            )) returning user_id, kind, subject_id
          ), facts as (
            delete from message.notification_fact f using old o
            where f.user_id = o.user_id and f.kind = o.kind and f.subject_id = o.subject_id
          )
          select count(*)::int4 as count from old`.execute(db);
        removed = rows[0]!.count;
      }
    },
    /** Everything that a deleted account has; none is added after it is marked. */
    async erase(userId: string): Promise<void> {
      await inTransaction(db, async (transaction) => {
        await lockPeople(transaction, [userId]);
        for (const table of ownTables)
          await transaction.deleteFrom(table).where("user_id", "=", userId).execute();
        await transaction.deleteFrom("message_push").where("peer_id", "=", userId).execute();
        await transaction
          .deleteFrom("timeline")
          .where("user_id", "=", userId)
          .where("kind", "=", entryKinds.notification)
          .execute();
      });
    },
  };
}

export type NotificationStore = ReturnType<typeof notificationStore>;
