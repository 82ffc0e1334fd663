import { type RawBuilder, sql } from "kysely";
import { refuseDeleted } from "#contracts/deleted-accounts.ts";
import { timelinesGrown } from "#contracts/events.ts";
import { readHeads, type TimelineHead } from "#contracts/timelines.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import { gapsLeft } from "#platform/events/log/gaps-left.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { isShown, type MessageRow, messageColumns } from "./message-row.ts";
import { isShownNotification } from "./notifications/shown.ts";
import { maxReplayed } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** Numbers in the table never change. What is void was removed with its account; its place stays, so there is no gap. */
export const entryKinds = {
  ...{ void: 0, message: 1, read: 2, changed: 3, membership: 4, notification: 5, settings: 6 },
} as const;

/** How many entries a person has at least, if they are not too old. */
const maxKept = 10_000;
const trimEvery = 500;
const keptMs = 30 * 24 * 3_600_000;
/** Entries removed in one statement. */
const chunk = 5_000;

/** Something that reaches a person. */
export interface NewEntry {
  userId: string;
  kind: keyof typeof entryKinds;
  atMs: number;
  /** The conversation, as the person sees it; "0": the settings of all. */
  peerId: string;
  /**
   * Of a message, of a change of one, or of what happened in a group: its id; 0: an invitation. Of a read mark: the message
   * up to which it was read. Of a notification: its subject. Of settings: 1 if the conversation is muted, or presence
   * hidden.
   */
  subjectId: string;
  /**
   * Who has done it; in a group, for others, the group itself, so that nothing is left of them there. Of a notification: its
   * kind.
   */
  actorId: string;
  /** By how much it changes the number of unread messages. */
  unread: number;
}

export interface Position extends TimelineHead {
  /** Empty: none is known. A database that may have gone back has other epochs than before. */
  epoch: string;
}

export interface EntryRow {
  seq: string;
  kind: number;
  atMs: string;
  peerId: string;
  subjectId: string;
  actorId: string;
  /** Of a notification: whether it is there now. */
  there: boolean;
  /** How many messages the person has not read now. */
  unread: number;
  /** As it is now for the person; null once it is removed. `key`: of the person's own message. */
  message: (MessageRow & { key: string | null }) | null;
}

export interface TimelineRows {
  epoch: string;
  seq: string;
  recovered: boolean;
  entries: EntryRow[];
}

/**
 * Appends entries in their order, each with the next number of its person, within the transaction of their fact. It
 * locks the rows of all people: what else there is to lock is locked before. Deleted accounts are not told of what others do
 * with messages that are there. Error: AccountsDeleted.
 */
export async function append(on: Queryable<Tables>, entries: readonly NewEntry[]): Promise<TimelineHead[]> {
  const rows = sql`
    select * from unnest(${entries.map((one) => one.userId)}::int8[],
      ${entries.map((one) => entryKinds[one.kind])}::int2[], ${entries.map((one) => one.atMs)}::int8[],
      ${entries.map((one) => one.peerId)}::int8[], ${entries.map((one) => one.subjectId)}::int8[],
      ${entries.map((one) => one.actorId)}::int8[], ${entries.map((one) => one.unread)}::int4[])
      with ordinality as a(user_id, kind, at_ms, peer_id, subject_id, actor_id, unread, n)
    -- What others do with what is being erased concerns its person no more.
    where a.kind not in (${entryKinds.read}, ${entryKinds.changed}) or a.actor_id = a.user_id or not exists (
      select from message.person p where p.user_id = a.user_id and p.gone)`;
  const { rows: told } = await sql<{ user_id: string; seq: string; gone: boolean }>`
    with ${numbered(rows)} select user_id, seq, gone from heads`.execute(on);
  refuseDeleted(told);
  const heads = told.map((row) => ({ userId: row.user_id, seq: row.seq }));
  return trimmed(on, heads, entries.length);
}

/** Something that reaches all members of a group. */
interface GroupEntry {
  groupId: string;
  kind: "message" | "membership";
  /** Of the message or the notice. */
  id: string;
  /** For whom it is not unread. */
  senderId: string;
}
/** What happened in a group, for somebody who is not in it. */
export interface AlsoTold {
  userId: string;
  groupId: string;
  /** Of the notice; 0: an invitation. */
  id: string;
  unread: number;
}

/**
 * The same for everybody in groups, in one statement however many they are; the groups are locked. Deleted accounts, which
 * are about to leave, are left out.
 */
export async function appendToGroups(
  on: Queryable<Tables>,
  entries: readonly GroupEntry[],
  alsoTold: readonly AlsoTold[] = [],
): Promise<TimelineHead[]> {
  const rows = sql`
    select m.user_id, s.kind, s.at_ms, s.group_id as peer_id, s.id as subject_id, 0::int8 as actor_id,
      (s.kind = ${entryKinds.message} and m.user_id <> s.sender_id and (not m.muted or exists (
        select from message.mention w
        where w.user_id = m.user_id and w.group_id = m.group_id and w.message_id = s.id
      )))::int4 as unread, s.n
    from said s join message.member m on m.group_id = s.group_id
    union all
    select t.user_id, ${entryKinds.membership}::int2, ${Date.now()}::int8, t.group_id, t.id, 0, t.unread, 0
    from unnest(${alsoTold.map((one) => one.userId)}::int8[], ${alsoTold.map((one) => one.groupId)}::int8[],
      ${alsoTold.map((one) => one.id)}::int8[], ${alsoTold.map((one) => one.unread)}::int4[])
      as t(user_id, group_id, id, unread)`;
  const said = sql`said as materialized (
    select * from unnest(${entries.map((one) => one.groupId)}::int8[], ${entries.map((one) => one.id)}::int8[],
      ${entries.map((one) => one.senderId)}::int8[], ${entries.map((one) => entryKinds[one.kind])}::int2[],
      ${entries.map((one) => timeOfId(one.id))}::int8[])
      with ordinality as s(group_id, id, sender_id, kind, at_ms, n)
  ),`;
  // Of one entry nobody has two, which saves a third of the work that is not the rows themselves.
  const once = entries.length === 1 && alsoTold.length === 0;
  // As one text: a thousand rows would take longer to read than to write.
  const { rows: told } = await sql<{ heads: string | null }>`
    with ${said} ${once ? onceEach(rows) : numbered(rows, sql`where not p.gone`)}
    select string_agg(user_id || ' ' || seq, E'\n') as heads from heads`.execute(on);
  return trimmed(on, readHeads(told[0]!.heads ?? ""), entries.length);
}

/** `append`, of which other processes learn, too. */
export async function appendAndEmit(
  on: Queryable<Tables>,
  emit: Emit,
  entries: readonly NewEntry[],
  groupId?: string,
): Promise<TimelineHead[]> {
  const heads = entries.length > 0 ? await append(on, entries) : [];
  emitGrown(emit, heads, groupId);
  return heads;
}

/** Other processes learn of it from the log, where no signal reaches them. */
export function emitGrown(emit: Emit, heads: readonly TimelineHead[], groupId = "", traceId?: string): void {
  if (heads.length === 0 && groupId === "") return;
  const userIds = heads.map(({ userId }) => userId);
  emit(timelinesGrown, { groupId, userIds, seqs: heads.map(({ seq }) => seq) }, traceId);
}

/** Entries as rows (user_id, kind, at_ms, peer_id, subject_id, actor_id, unread, n) of people of whom each is told one. */
const onceEach = (entries: RawBuilder<unknown>) => sql`
  added as materialized (${entries}), heads as (
    insert into message.person as p (user_id, unread, seq) select user_id, unread, 1 from added order by user_id
    on conflict (user_id) do update set unread = p.unread + excluded.unread, seq = p.seq + 1 where not p.gone
    returning user_id, seq
  ), numbered as (
    insert into message.timeline (user_id, seq, kind, at_ms, peer_id, subject_id, actor_id)
    select h.user_id, h.seq, s.kind, s.at_ms, s.group_id, s.id, 0 from heads h, said s
  )`;

/** The same of people who may be told several; `n` is their order. */
const numbered = (entries: RawBuilder<unknown>, unlessGone = sql``) => sql`
  added as materialized (${entries}), heads as (
    insert into message.person as p (user_id, unread, seq)
    select user_id, sum(unread), count(*) from added group by user_id order by user_id
    on conflict (user_id) do update set unread = p.unread + excluded.unread, seq = p.seq + excluded.seq ${unlessGone}
    returning user_id, seq, gone
  ), numbered as (
    insert into message.timeline (user_id, seq, kind, at_ms, peer_id, subject_id, actor_id)
    select user_id, h.seq + 1 - row_number() over (partition by user_id order by a.n desc), a.kind, a.at_ms,
      a.peer_id, a.subject_id, a.actor_id
    from added a join heads h using (user_id)
  )`;

/**
 * Removes what people have too much of, after up to `added` entries more for each: now and then, since it costs as much for
 * one entry as for many.
 */
async function trimmed(on: Queryable<Tables>, heads: TimelineHead[], added: number): Promise<TimelineHead[]> {
  const due = heads.filter(({ seq }) => Number(seq) > maxKept && Number(seq) % trimEvery < added);
  if (due.length === 0) return heads;
  await sql`
    delete from message.timeline t
    using unnest(${due.map(({ userId }) => userId)}::int8[], ${due.map(({ seq }) => seq)}::int8[]) as h(user_id, seq)
    where t.user_id = h.user_id and t.seq <= h.seq - ${maxKept}`.execute(on);
  return heads;
}

/** The message `m` of an entry `t`, as its person sees it. */
const seenMessage = sql`${messageColumns(sql`t.user_id`)}, case when m.sender_id = t.user_id then m.idempotency_key end as key
  from message.message m where m.id = t.subject_id and ${isShown(sql`m`, sql`t.user_id`)}`;

/** From here on the numbers of timelines mean something else than before. */
export async function beginEpoch(on: Queryable<Tables>): Promise<void> {
  await sql`update message.epoch set epoch = substr(md5(gen_random_uuid()::text), 1, 12)`.execute(on);
}

export function timelineStore(db: Kysely<Tables>) {
  return {
    /** Removes what is too old. */
    async expire(stopping: AbortSignal): Promise<void> {
      for (let removed = chunk; removed === chunk && !stopping.aborted; ) {
        const { numAffectedRows } = await sql`
          delete from message.timeline where ctid = any (array(
            select ctid from message.timeline where at_ms < ${Date.now() - keptMs} order by at_ms limit ${chunk}
          ))`.execute(db);
        removed = Number(numAffectedRows);
      }
    },
    /** Begins timelines anew: who has a position is told to take the current one, and then the lists. */
    async rebuild(on: Queryable<Tables>): Promise<void> {
      await sql`truncate message.timeline`.execute(on);
      await beginEpoch(on);
    },
    /**
     * What follows each position, or that it cannot be said. Up to `limit` entries each: when `seq` is not among them,
     * there are more.
     */
    async after(positions: readonly Position[], limit: number): Promise<TimelineRows[]> {
      // One statement sees one moment: the latest number and the entries up to it agree.
      const { rows } = await sql<{ epoch: string; seq: string; known: boolean; entries: EntryRow[] | null }>`
        select e.epoch, coalesce(p.seq, 0) as seq, w.known, t.entries
        from (select epoch || '.' || ${gapsLeft} as epoch from message.epoch) e
        cross join lateral (
          select n, user_id, after, epoch = e.epoch as known
          from unnest(${positions.map((one) => one.userId)}::int8[], ${positions.map((one) => one.seq)}::int8[],
            ${positions.map((one) => one.epoch)}::text[]) with ordinality as given(user_id, after, epoch, n)
        ) w
        left join message.person p on p.user_id = w.user_id
        left join lateral (
          select json_agg(json_build_object('seq', t.seq::text, 'kind', t.kind, 'atMs', t.at_ms::text,
            'peerId', t.peer_id::text, 'subjectId', t.subject_id::text, 'actorId', t.actor_id::text, 'unread', p.unread,
            'there', t.kind = ${entryKinds.notification} and exists (
              select from message.notification n
              where n.user_id = t.user_id and n.kind = t.actor_id and n.subject_id = t.subject_id
                and ${isShownNotification(sql`n`)}),
            -- A join would be planned with a look at all messages for each person, as long as there are few.
            'message', case when t.kind in (${entryKinds.message}, ${entryKinds.changed}, ${entryKinds.membership}) then (
              select row_to_json(m) from (
                select ${seenMessage} and m.low_id = least(t.user_id, t.peer_id) and m.high_id = greatest(t.user_id, t.peer_id)
                union all
                select ${seenMessage} and m.low_id = 0 and m.high_id = t.peer_id
              ) m
            ) end) order by t.seq) as entries
          from (
            select * from message.timeline t
            where w.known and t.user_id = w.user_id and t.seq > w.after and p.seq - w.after between 1 and ${maxReplayed}
            order by t.seq limit ${limit}
          ) t
        ) t on true
        order by w.n`.execute(db);
      return rows.map(({ epoch, seq, known, entries }, i) => {
        const from = positions[i]!.seq;
        const missed = Number(BigInt(seq) - BigInt(from));
        const count = Math.min(missed, limit);
        // Where old entries were removed others may follow: as many, but farther on.
        const last = Number(BigInt(entries?.at(-1)?.seq ?? from) - BigInt(from));
        const whole = (entries?.length ?? 0) === count && last === count;
        const recovered = known && missed >= 0 && missed <= maxReplayed && whole;
        return { epoch, seq, recovered, entries: recovered ? (entries ?? []) : [] };
      });
    },
  };
}

export type TimelineStore = ReturnType<typeof timelineStore>;
