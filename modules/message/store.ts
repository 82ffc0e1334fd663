import { sql } from "kysely";
import { AccountsDeleted, unlessDeleted } from "#contracts/deleted-accounts.ts";
import { refusal } from "#contracts/reasons.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { afterCommit } from "#platform/db/transaction.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { maxReadersTold } from "./group-rules.ts";
import {
  isOf,
  isShown,
  type MessageRow,
  mentionIsShown,
  messageColumns,
  sees,
  shownLatest,
} from "./message-row.ts";
import { lock, lockOwn, lockPlaces, type Pair, pairKey, unnest } from "./pairs.ts";
import { shownBlobs } from "./picture-store.ts";
import { type Read, readersTold } from "./reader-store.ts";
import type { Tables } from "./tables.ts";
import { appendAndEmit, type NewEntry } from "./timeline-store.ts";

export interface ReadCommand extends Pair {
  upToId: string;
  /** The other hears nothing of it: there is a block. */
  unheard?: boolean;
}

/** A range of messages next to an id, in one direction. */
export type Range = { beforeId: string } | { afterId: string };

/**
 * Conversations, of two and in groups, as their people see them: lists, read marks, mutes. `waits` is told when somebody is
 * to be told later that they were read.
 */
export function messageStore(
  db: Kysely<Tables>,
  events: EventWriter<Tables>,
  waits: (untilMs: number) => void = () => {},
) {
  const moveAll = (commands: ReadCommand[]): Promise<TimelineHead[]> =>
    events.transaction(db, async (transaction, emit) => {
      // Waits for transactions that are sending; the next statement sees everything that they sent.
      const pairs = await lock(transaction, commands);
      const inGroups = commands.filter(({ userId, peerId }) => !pairs.has(pairKey(userId, peerId)));
      const moved = await moveReadPositions(transaction, commands);
      const atMs = Date.now();
      const unheard = new Set(
        commands.flatMap(({ unheard, userId, peerId }) => (unheard ? [pairKey(userId, peerId)] : [])),
      );
      const entries: NewEntry[] = moved.flatMap(({ user_id, peer_id, read_id, change }) => {
        const entry = { kind: "read", atMs, subjectId: read_id, actorId: user_id } as const;
        const own = { ...entry, userId: user_id, peerId: peer_id, unread: change };
        if (unheard.has(pairKey(user_id, peer_id))) return [own];
        return [own, { ...entry, userId: peer_id, peerId: user_id, unread: 0 }];
      });
      if (inGroups.length > 0) entries.push(...(await moveInGroups(transaction, inGroups, waits)));
      return appendAndEmit(transaction, emit, entries);
    });
  return {
    /**
     * Moves many read positions in one transaction, with the counts; returns whose timelines have got how far. No two
     * may be of the same person and peer.
     */
    async markRead(commands: ReadCommand[]): Promise<TimelineHead[]> {
      try {
        return await moveAll(commands);
      } catch (error) {
        if (!(error instanceof AccountsDeleted)) throw error;
        // Deleted since the transaction began: they have read enough, and are told no more.
        return this.markRead(commands.filter(({ userId }) => !error.ids.has(userId)));
      }
    },
    /** Up to `limit` messages that the person sees, the oldest first. */
    async messages({ userId, peerId }: Pair, range: Range, limit: number): Promise<MessageRow[]> {
      const back = "beforeId" in range;
      const viewer = sql`${userId}::int8`;
      const page = sql`${isShown(sql`m`, viewer)} and ${back ? sql`m.id < ${range.beforeId}::int8` : sql`m.id > ${range.afterId}::int8`}
        order by m.id ${back ? sql`desc` : sql`asc`} limit ${limit}`;
      const { rows } = await sql<MessageRow>`
        (select ${messageColumns(viewer)} from message.message m
          where low_id = least(${viewer}, ${peerId}::int8) and high_id = greatest(${viewer}, ${peerId}::int8)
            and ${page})
        union all
        (select ${messageColumns(viewer)} from message.member g
          join message.message m on m.low_id = 0 and m.high_id = g.group_id and m.id > g.since_id
          where g.group_id = ${peerId}::int8 and g.user_id = ${viewer} and ${page})`.execute(db);
      return back ? rows.reverse() : rows;
    },
    /** How a conversation stands for the person: `peer_read_id` is null if the other one has read nothing, or in a group. */
    async standing({ userId, peerId }: Pair): Promise<{ muted: boolean; peer_read_id: string | null }> {
      const { rows } = await sql<{ muted: boolean; peer_read_id: string | null }>`
        select coalesce(
          (select muted from message.conversation where user_id = ${userId}::int8 and peer_id = ${peerId}::int8),
          (select muted from message.member where group_id = ${peerId}::int8 and user_id = ${userId}::int8), false) as muted,
          (select read_id::text from message.conversation
            where user_id = ${peerId}::int8 and peer_id = ${userId}::int8 and read_id > 0) as peer_read_id`.execute(
        db,
      );
      return rows[0]!;
    },
    /** What somebody has written in a conversation, if the person sees it. */
    async message({ userId, peerId }: Pair, messageId: string): Promise<MessageRow | undefined> {
      const { rows } = await sql<MessageRow>`
        select ${messageColumns(sql`${userId}::int8`)} from message.message m
        where ${isOf(userId, peerId)} and m.id = ${messageId} and m.notice is null
          and ${sees(sql`m`, sql`${userId}::int8`)}`.execute(db);
      return rows[0];
    },
    /** A person's conversations whose latest message is before this one, latest first. */
    async conversations(userId: string, beforeId: string, limit: number) {
      const { rows } = await sql<
        MessageRow & {
          peer_id: string;
          unread: number;
          mentioned: number;
          read_id: string;
          muted: boolean;
          last_id: string;
        }
      >`
        select c.peer_id, c.unread, c.mentioned, c.read_id, c.muted, c.last_id, ${messageColumns(sql`c.user_id`)}
        from (
          (select user_id, peer_id, last_id, ${shownLatest} as shown_id, unread, 0 as mentioned, read_id, muted,
            least(user_id, peer_id) as low_id, greatest(user_id, peer_id) as high_id
          from message.conversation c
          where user_id = ${userId}::int8 and last_id < ${beforeId}::int8 and ${shownLatest} > 0
          order by last_id desc limit ${limit})
          union all
          (select g.user_id, g.group_id, t.last_id, latest.id, (t.total - g.seen)::int4, g.mentioned, g.read_id, g.muted, 0,
            g.group_id
          from message.member g
          join message.group_chat t on t.id = g.group_id
          cross join lateral (
            select m.id from message.message m
            where m.low_id = 0 and m.high_id = g.group_id and m.id > g.since_id and ${isShown(sql`m`, sql`g.user_id`)}
            order by m.id desc limit 1
          ) latest
          where g.user_id = ${userId}::int8 and t.last_id < ${beforeId}::int8
          order by t.last_id desc limit ${limit})
        ) c
        join message.message m on m.low_id = c.low_id and m.high_id = c.high_id and m.id = c.shown_id
        order by c.last_id desc limit ${limit}`.execute(db);
      return rows;
    },
    /** The latest message of each of these pairs. */
    async latest(pairs: Pair[]): Promise<(MessageRow | undefined)[]> {
      const { rows } = await sql<MessageRow & { user_id: string; peer_id: string }>`
        select c.user_id, c.peer_id, ${messageColumns(sql`c.user_id`)}
        from ${unnest(pairs)} join message.conversation c on c.user_id = p.user_id and c.peer_id = p.peer_id
        join message.message m on m.low_id = least(c.user_id, c.peer_id) and m.high_id = greatest(c.user_id, c.peer_id)
          and m.id = ${shownLatest}`.execute(db);
      const found = new Map(rows.map((row) => [pairKey(row.user_id, row.peer_id), row]));
      return pairs.map(({ userId, peerId }) => found.get(pairKey(userId, peerId)));
    },
    /** Whether what is said in a conversation counts into the person's unread messages. Error: NOT_FOUND. */
    async mute({ userId, peerId }: Pair, muted: boolean): Promise<TimelineHead[]> {
      return unlessDeleted(() =>
        events.transaction(db, async (on, emit) => {
          await lockOwn(on, { userId, peerId });
          const { rows } = await sql<{ change: number; was: boolean }>`
          with pair as (
            update message.conversation c set muted = ${muted} from message.conversation was
            where c.user_id = ${userId}::int8 and c.peer_id = ${peerId}::int8
              and was.user_id = c.user_id and was.peer_id = c.peer_id
            returning c.unread as change, was.muted as was
          ), place as (
            update message.member m set muted = ${muted} from message.member was, message.group_chat g
            where m.group_id = ${peerId}::int8 and m.user_id = ${userId}::int8
              and was.group_id = m.group_id and was.user_id = m.user_id and g.id = m.group_id
            returning (g.total - m.seen)::int4 - m.mentioned as change, was.muted as was
          )
          select * from pair union all select * from place`.execute(on);
          if (!rows[0]) throw refusal("NOT_FOUND", "There is no such conversation.");
          const { change, was } = rows[0];
          if (was === muted) return [];
          const entry = { kind: "settings", atMs: Date.now(), subjectId: muted ? "1" : "0" } as const;
          const unread = muted ? -change : change;
          return appendAndEmit(on, emit, [{ ...entry, userId, peerId, actorId: userId, unread }]);
        }),
      );
    },
    shownBlobs: (userId: string, messageId: string, keys: readonly string[]) =>
      shownBlobs(db, userId, messageId, keys),
    /** How many unread messages each of these people has. */
    async unread(userIds: string[]): Promise<number[]> {
      const rows = await db
        .selectFrom("person")
        .selectAll()
        .where("user_id", "=", sql<string>`any(${userIds}::int8[])`)
        .execute();
      const found = new Map(rows.map((row) => [row.user_id, Number(row.unread)]));
      return userIds.map((id) => found.get(id) ?? 0);
    },
  };
}

export type MessageStore = ReturnType<typeof messageStore>;

/**
 * The rows are locked. A position never goes back, and never beyond the last message. Returns those that moved. What is
 * counted lies between the old position and the new one: each message once, however many are unread.
 */
async function moveReadPositions(on: Queryable<Tables>, commands: ReadCommand[]) {
  const { rows } = await sql<{ user_id: string; peer_id: string; read_id: string; change: number }>`
    with moved as materialized (
      select c.user_id, c.peer_id, least(w.up_to_id, c.last_id) as read_id,
        case when w.up_to_id >= c.last_id then c.unread else (
          select count(*)::int4 from message.message m
          where m.low_id = least(c.user_id, c.peer_id) and m.high_id = greatest(c.user_id, c.peer_id)
            and m.id > c.read_id and m.id <= w.up_to_id and m.sender_id = c.peer_id and ${isShown(sql`m`, sql`c.user_id`)}
        ) end as read
      from unnest(${commands.map((command) => command.userId)}::int8[], ${commands.map((command) => command.peerId)}::int8[],
        ${commands.map((command) => command.upToId)}::int8[]) as w(user_id, peer_id, up_to_id)
      join message.conversation c on c.user_id = w.user_id and c.peer_id = w.peer_id
      where least(w.up_to_id, c.last_id) > c.read_id
    )
    update message.conversation c set read_id = m.read_id, unread = c.unread - m.read
    from moved m where c.user_id = m.user_id and c.peer_id = m.peer_id
    returning c.user_id, c.peer_id, c.read_id, case when c.muted then 0 else -m.read end as change`.execute(
    on,
  );
  return rows;
}

/**
 * The same in groups: what is locked are the places of those who read, since a message in a group changes that of its sender
 * only. Returns the entries that tell of it.
 */
async function moveInGroups(
  on: Queryable<Tables>,
  commands: ReadCommand[],
  waits: (untilMs: number) => void,
): Promise<NewEntry[]> {
  await lockPlaces(on, commands);
  const { rows } = await sql<{
    user_id: string;
    group_id: string;
    was_id: string;
    read_id: string;
    change: number;
    told: boolean;
  }>`
    with moved as materialized (
      select group_id, user_id, m.read_id as was_id, g.members <= ${maxReadersTold} as told,
        least(w.up_to_id, g.last_id) as read_id,
        case when w.up_to_id >= g.last_id then g.total - m.seen else (
          select count(*) from message.message x
          where x.low_id = 0 and x.high_id = group_id and x.id > m.read_id and x.id <= w.up_to_id
            and x.sender_id <> user_id and x.notice is null and ${isShown(sql`x`, sql`m.user_id`)}
        ) end as read,
        case when m.mentioned = 0 or w.up_to_id >= g.last_id then m.mentioned else (
          select count(*) from message.mention n
          where n.user_id = m.user_id and n.group_id = m.group_id and n.message_id > m.read_id
            and n.message_id <= w.up_to_id and ${mentionIsShown(sql`n`)}
        ) end as mentions
      from unnest(${commands.map((command) => command.peerId)}::int8[],
        ${commands.map((command) => command.userId)}::int8[], ${commands.map((command) => command.upToId)}::int8[])
        as w(group_id, user_id, up_to_id)
      join message.member m using (group_id, user_id)
      join message.group_chat g on g.id = group_id
      where least(w.up_to_id, g.last_id) > m.read_id
    )
    update message.member m set read_id = d.read_id, seen = m.seen + d.read, mentioned = m.mentioned - d.mentions
    from moved d where m.group_id = d.group_id and m.user_id = d.user_id
    returning m.user_id, m.group_id, d.was_id, m.read_id, d.told, (-case when m.muted then d.mentions else d.read end)::int4 as change`.execute(
    on,
  );
  const atMs = Date.now();
  const toldRows = rows.filter(({ told }) => told);
  // Whose messages these are.
  const authors =
    toldRows.length === 0
      ? []
      : (
          await sql<Read>`
            select distinct m.user_id, r.group_id, r.read_id
            from unnest(${toldRows.map((row) => row.group_id)}::int8[], ${toldRows.map((row) => row.user_id)}::int8[],
              ${toldRows.map((row) => row.was_id)}::int8[], ${toldRows.map((row) => row.read_id)}::int8[])
              as r(group_id, user_id, was_id, read_id)
            join message.message x on x.low_id = 0 and x.high_id = r.group_id and x.id > r.was_id and x.id <= r.read_id
              and x.notice is null and x.sender_id <> r.user_id
            join message.member m on m.group_id = r.group_id and m.user_id = x.sender_id`.execute(on)
        ).rows;
  const { entries, lateAtMs } = await readersTold(on, authors, atMs);
  if (lateAtMs !== undefined) afterCommit(on, () => waits(lateAtMs));
  return [
    ...rows.map(({ user_id, group_id, read_id, change }) => ({
      ...({ kind: "read", atMs, userId: user_id, peerId: group_id, subjectId: read_id } as const),
      ...{ actorId: user_id, unread: change },
    })),
    ...entries,
  ];
}
