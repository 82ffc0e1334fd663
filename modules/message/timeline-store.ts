import { sql } from "kysely";
import { refuseDeleted } from "#contracts/deleted-accounts.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { gapsLeft } from "#platform/events/log/gaps-left.ts";
import type { MessageRow } from "./pairs.ts";
import { maxReplayed } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** Numbers in the table never change. What is void was removed with its account; its place stays, so there is no gap. */
export const entryKinds = { void: 0, message: 1, read: 2 } as const;

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
  /** The conversation, as the person sees it. */
  peerId: string;
  /** Of a message: its id. Of a read mark: the message up to which it was read. */
  subjectId: string;
  /** Of a read mark: who has read. */
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
  /** Null once it is removed. `key`: of the person's own message. */
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
 * locks the rows of all people, so this is the transaction's last lock. Read marks are not told to deleted accounts. Error:
 * AccountsDeleted.
 */
export async function append(on: Queryable<Tables>, entries: readonly NewEntry[]): Promise<TimelineHead[]> {
  const { rows } = await sql<{ user_id: string; seq: string; gone: boolean }>`
    with added as materialized (
      select * from unnest(${entries.map((one) => one.userId)}::int8[],
        ${entries.map((one) => entryKinds[one.kind])}::int2[], ${entries.map((one) => one.atMs)}::int8[],
        ${entries.map((one) => one.peerId)}::int8[], ${entries.map((one) => one.subjectId)}::int8[],
        ${entries.map((one) => one.actorId)}::int8[], ${entries.map((one) => one.unread)}::int4[])
        with ordinality as a(user_id, kind, at_ms, peer_id, subject_id, actor_id, unread, n)
      -- That somebody has read what is being erased concerns nobody else.
      where a.kind <> ${entryKinds.read} or a.actor_id = a.user_id or not exists (
        select from message.person p where p.user_id = a.user_id and p.gone)
    ), heads as (
      insert into message.person as p (user_id, unread, seq)
      select user_id, sum(unread), count(*) from added group by user_id order by user_id
      on conflict (user_id) do update set unread = p.unread + excluded.unread, seq = p.seq + excluded.seq
      returning user_id, seq, gone
    ), numbered as (
      insert into message.timeline (user_id, seq, kind, at_ms, peer_id, subject_id, actor_id)
      select user_id, h.seq + 1 - row_number() over (partition by user_id order by a.n desc), a.kind, a.at_ms,
        a.peer_id, a.subject_id, a.actor_id
      from added a join heads h using (user_id)
    )
    select user_id, seq, gone from heads`.execute(on);
  refuseDeleted(rows);
  const heads = rows.map((row) => ({ userId: row.user_id, seq: row.seq }));
  await trim(on, heads, entries.length);
  return heads;
}

/** Removes what a person has too much of: now and then, since it costs as much for one entry as for many. */
async function trim(on: Queryable<Tables>, heads: readonly TimelineHead[], added: number): Promise<void> {
  const due = heads.filter(({ seq }) => Number(seq) > maxKept && Number(seq) % trimEvery < added);
  if (due.length === 0) return;
  await sql`
    delete from message.timeline t
    using unnest(${due.map(({ userId }) => userId)}::int8[], ${due.map(({ seq }) => seq)}::int8[]) as h(user_id, seq)
    where t.user_id = h.user_id and t.seq <= h.seq - ${maxKept}`.execute(on);
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
      await sql`update message.epoch set epoch = substr(md5(gen_random_uuid()::text), 1, 12)`.execute(on);
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
            'peerId', t.peer_id::text, 'subjectId', t.subject_id::text, 'actorId', t.actor_id::text,
            -- A join would be planned with a look at all messages for each person, as long as there are few.
            'message', case when t.kind = ${entryKinds.message} then (
              select json_build_object('id', m.id::text, 'sender_id', m.sender_id::text,
                'receiver_id', (m.low_id + (m.high_id - m.sender_id))::text, 'content', m.content,
                'key', case when m.sender_id = t.user_id then m.idempotency_key end)
              from message.message m
              where m.low_id = least(t.user_id, t.peer_id) and m.high_id = greatest(t.user_id, t.peer_id)
                and m.id = t.subject_id
            ) end) order by t.seq) as entries
          from (
            select * from message.timeline t
            where w.known and t.user_id = w.user_id and t.seq > w.after and p.seq - w.after between 1 and ${maxReplayed}
            order by t.seq limit ${limit}
          ) t
        ) t on true
        order by w.n`.execute(db);
      return rows.map(({ epoch, seq, known, entries }, i) => {
        const missed = Number(BigInt(seq) - BigInt(positions[i]!.seq));
        // Old entries are removed from the beginning on.
        const whole = (entries?.length ?? 0) === Math.min(missed, limit);
        const recovered = known && missed >= 0 && missed <= maxReplayed && whole;
        return { epoch, seq, recovered, entries: recovered ? (entries ?? []) : [] };
      });
    },
  };
}

export type TimelineStore = ReturnType<typeof timelineStore>;
