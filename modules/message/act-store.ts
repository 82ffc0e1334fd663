import { sql } from "kysely";
import { AccountsDeleted, accountDeleted } from "#contracts/deleted-accounts.ts";
import { refusal } from "#contracts/reasons.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Kysely, Queryable, Transaction } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { audienceOf, conversationOf } from "./audience.ts";
import { findConversation } from "./find-conversation.ts";
import { groupTakenDown } from "./group-rules.ts";
import { lockGroup } from "./group-transaction.ts";
import { isIn, isOf, isShown, sees, shownLatest } from "./message-row.ts";
import { lockOwn, type Pair } from "./pairs.ts";
import { dropPictures } from "./picture-store.ts";
import { maxOwnReactions, maxReactions, recallMs } from "./rules.ts";
import type { Tables } from "./tables.ts";
import { appendAndEmit } from "./timeline-store.ts";

/** A message of a conversation, and who acts on it. */
export interface Act extends Pair {
  messageId: string;
}

/** Who acts if it is no person. */
const nobody = "0";

type On = Transaction<Tables>;
type Place = Pick<Tables["message"], "low_id" | "high_id">;

/**
 * What one can do with a message. Each returns whose timelines have got how far; nobody's, if all is as it was. Errors:
 * MESSAGE_NOT_FOUND, SESSION_ENDED.
 */
export function actStore(
  db: Kysely<Tables>,
  events: EventWriter<Tables>,
  jobs: Jobs,
  nowMs: () => number = Date.now,
) {
  /** Again without those who were deleted meanwhile, as they are told nothing. */
  async function acting(
    userId: string,
    act: (on: On, emit: Emit) => Promise<TimelineHead[]>,
  ): Promise<TimelineHead[]> {
    for (;;) {
      try {
        return await events.transaction(db, act);
      } catch (error) {
        if (!(error instanceof AccountsDeleted)) throw error;
        if (error.ids.has(userId)) throw accountDeleted();
      }
    }
  }

  /** Tells people that a message is another for them now. */
  async function tell(
    on: On,
    emit: Emit,
    { userId, messageId }: Act,
    { low_id, high_id }: Place,
    people: readonly string[],
    unread = 0,
  ): Promise<TimelineHead[]> {
    const change = { kind: "changed", atMs: nowMs(), subjectId: messageId, unread } as const;
    const entries = people.map((id) => {
      const peerId = conversationOf(id, low_id, high_id);
      return { ...change, userId: id, peerId, actorId: id === userId ? id : peerId };
    });
    const isInGroup = low_id === "0" && people.some((id) => id !== userId);
    return appendAndEmit(on, emit, entries, isInGroup ? high_id : "");
  }

  async function tellAll(on: On, emit: Emit, act: Act, place: Place): Promise<TimelineHead[]> {
    return tell(on, emit, act, place, await audienceOf(on, place.low_id, place.high_id, act.messageId));
  }

  /** Nothing of what it said and showed is left. `version`: of the act of the moderators. */
  async function empty(
    on: On,
    { messageId }: Act,
    { low_id, high_id }: Place,
    version: string | null = null,
  ) {
    const of = sql`low_id = ${low_id} and high_id = ${high_id}`;
    await dropPictures(on, jobs, sql`${of} and message_id = ${messageId}`);
    await sql`
      with reactions as (
        delete from message.reaction where ${of} and message_id = ${messageId}
      ), counts as (
        delete from message.reaction_count where ${of} and message_id = ${messageId}
      ), mentions as (
        update message.mention set name_key = '' where group_id = ${high_id} and message_id = ${messageId}
      )
      update message.message set content = '', reply_to_id = null, video_id = null, profile_id = null,
        recalled_at_ms = ${nowMs()}, moderated = ${version}
      where ${of} and id = ${messageId}`.execute(on);
  }

  return {
    /** Errors besides: MESSAGE_RECALLED, REACTIONS_TOO_MANY, GROUP_TAKEN_DOWN. */
    setReaction: (act: Act, emoji: string, isOn: boolean) =>
      acting(act.userId, async (on, emit) => {
        const { low_id, high_id, recalled, isDown } = await lockMessage(on, act);
        if (isDown && isOn) throw groupTakenDown();
        if (recalled) throw refusal("MESSAGE_RECALLED");
        const place = { low_id, high_id };
        const reaction = { ...place, message_id: act.messageId, user_id: act.userId, emoji };
        const changed = isOn ? await addReaction(on, reaction, nowMs()) : await removeReaction(on, reaction);
        return changed ? tellAll(on, emit, act, place) : [];
      }),
    /** Errors besides: NOT_YOURS, RECALL_TOO_LATE. */
    recall: (act: Act) =>
      acting(act.userId, async (on, emit) => {
        const message = await lockMessage(on, act);
        if (message.sender_id !== act.userId) throw refusal("NOT_YOURS");
        if (message.recalled) return [];
        if (nowMs() - timeOfId(act.messageId) > recallMs)
          throw refusal("RECALL_TOO_LATE", { minutes: recallMs / 60_000 });
        await empty(on, act, message);
        return tellAll(on, emit, act, message);
      }),
    /** The same by the moderators, at any time; of what is recalled already nothing changes. */
    takeDown: (senderId: string, messageId: string, version: string) =>
      acting(nobody, async (on, emit) => {
        const peerId = await findConversation(on, senderId, messageId);
        if (peerId === undefined) return [];
        await lockGroup(on, peerId);
        const act = { userId: nobody, peerId, messageId };
        const { rows } = await sql<Place>`
          select m.low_id, m.high_id from message.message m
          where ${isOf(senderId, peerId)} and m.id = ${messageId} and m.sender_id = ${senderId}
            and m.notice is null and m.recalled_at_ms is null
          for no key update of m`.execute(on);
        const [place] = rows;
        if (!place) return [];
        await empty(on, act, place, version);
        return tellAll(on, emit, act, place);
      }),
    hide: (act: Act) =>
      acting(act.userId, async (on, emit) => {
        const { userId, peerId, messageId } = act;
        // Waits for who is sending, and they for this.
        await lockOwn(on, act);
        const { rows } = await sql<Place & { sender_id: string; added: boolean }>`
          with found as (
            select m.low_id, m.high_id, m.sender_id from message.message m
            where ${isOf(userId, peerId)} and m.id = ${messageId} and m.notice is null
              and ${isIn(sql`m`, sql`${userId}::int8`)}
          ), added as (
            insert into message.hidden (user_id, low_id, high_id, message_id)
            select ${userId}, low_id, high_id, ${messageId} from found
            on conflict do nothing returning 1
          )
          select found.*, exists (select from added) as added from found`.execute(on);
        const [message] = rows;
        if (!message) throw refusal("MESSAGE_NOT_FOUND");
        if (!message.added) return [];
        const unread =
          message.low_id === "0" ? await showLessInGroup(on, act, message) : await showLess(on, act, message);
        return tell(on, emit, act, message, [userId], unread);
      }),
    /** Who has reacted to a message, and how: in the order of time, after this one. */
    async reactions({ userId, peerId, messageId }: Act, after: ReactionPosition | undefined, limit: number) {
      const { rows } = await sql<ReactionPosition>`
        select r.at_ms, r.user_id, r.emoji from message.message m
        join message.reaction r on r.low_id = m.low_id and r.high_id = m.high_id and r.message_id = m.id
        where ${isOf(userId, peerId)} and m.id = ${messageId} and ${sees(sql`m`, sql`${userId}::int8`)}
          ${after ? sql`and (r.at_ms, r.user_id, r.emoji) > (${after.at_ms}, ${after.user_id}, ${after.emoji})` : sql``}
        order by r.at_ms, r.user_id, r.emoji limit ${limit}`.execute(db);
      return rows;
    },
  };
}

export type ActStore = ReturnType<typeof actStore>;
export type ReactionPosition = Pick<Tables["reaction"], "at_ms" | "user_id" | "emoji">;

/**
 * Nobody else acts on the message until the transaction ends, and who is in its group stays as it is. Error:
 * MESSAGE_NOT_FOUND.
 */
async function lockMessage(on: On, { userId, peerId, messageId }: Act) {
  const group = await lockGroup(on, peerId, userId);
  const { rows } = await sql<Place & { sender_id: string; recalled: boolean }>`
    select m.low_id, m.high_id, m.sender_id, m.recalled_at_ms is not null as recalled from message.message m
    where ${isOf(userId, peerId)} and m.id = ${messageId} and m.notice is null
      and ${sees(sql`m`, sql`${userId}::int8`)}
    for no key update of m`.execute(on);
  if (!rows[0]) throw refusal("MESSAGE_NOT_FOUND");
  return { ...rows[0], isDown: group?.down === true };
}

type Reaction = Omit<Tables["reaction"], "at_ms">;

/** Returns whether it is new. The message is locked. Error: REACTIONS_TOO_MANY. */
async function addReaction(on: On, reaction: Reaction, atMs: number): Promise<boolean> {
  const { low_id, high_id, message_id, user_id, emoji } = reaction;
  const { rows } = await sql<{ emoji: string; own: boolean }>`
    select c.emoji, r.user_id is not null as own from message.reaction_count c
    left join message.reaction r on r.low_id = c.low_id and r.high_id = c.high_id and r.message_id = c.message_id
      and r.user_id = ${user_id} and r.emoji = c.emoji
    where c.low_id = ${low_id} and c.high_id = ${high_id} and c.message_id = ${message_id}`.execute(on);
  const known = rows.find((row) => row.emoji === emoji);
  if (known?.own) return false;
  if (rows.filter(({ own }) => own).length >= maxOwnReactions || (!known && rows.length >= maxReactions))
    throw refusal("REACTIONS_TOO_MANY", { kinds: maxReactions, own: maxOwnReactions });
  await on
    .insertInto("reaction")
    .values({ ...reaction, at_ms: String(atMs) })
    .execute();
  await sql`
    insert into message.reaction_count as c (low_id, high_id, message_id, emoji, first_ms, count)
    values (${low_id}, ${high_id}, ${message_id}, ${emoji}, ${atMs}, 1)
    on conflict (low_id, high_id, message_id, emoji) do update set count = c.count + 1`.execute(on);
  return true;
}

/** Returns whether it was there. The message is locked. */
async function removeReaction(on: On, { low_id, high_id, message_id, user_id, emoji }: Reaction) {
  const { numAffectedRows } = await sql`
    delete from message.reaction
    where low_id = ${low_id} and high_id = ${high_id} and message_id = ${message_id} and user_id = ${user_id}
      and emoji = ${emoji}`.execute(on);
  if (Number(numAffectedRows) === 0) return false;
  await countLess(on, [{ low_id, high_id, message_id, emoji }]);
  return true;
}

/** Takes removed reactions from their counts. */
export async function countLess(
  on: Queryable<Tables>,
  reactions: readonly Omit<Reaction, "user_id">[],
): Promise<void> {
  const removed = sql`unnest(${reactions.map((one) => one.low_id)}::int8[], ${reactions.map((one) => one.high_id)}::int8[],
    ${reactions.map((one) => one.message_id)}::int8[], ${reactions.map((one) => one.emoji)}::text[])
    as r(low_id, high_id, message_id, emoji)`;
  const same = sql`(c.low_id, c.high_id, c.message_id, c.emoji) = (r.low_id, r.high_id, r.message_id, r.emoji)`;
  await sql`update message.reaction_count c set count = c.count - 1 from ${removed} where ${same}`.execute(
    on,
  );
  await sql`delete from message.reaction_count c using ${removed} where ${same} and c.count = 0`.execute(on);
}

/** Clauses that remove what was done with the messages of the rows `gone`. */
export const actsOfGone = sql`
  reactions as (
    delete from message.reaction r using gone g
    where r.low_id = g.low_id and r.high_id = g.high_id and r.message_id = g.id
  ), reaction_counts as (
    delete from message.reaction_count r using gone g
    where r.low_id = g.low_id and r.high_id = g.high_id and r.message_id = g.id
  ), hidden as (
    delete from message.hidden h using gone g
    where h.low_id = g.low_id and h.high_id = g.high_id and h.message_id = g.id
  ), mentions as (
    delete from message.mention w using gone g where g.low_id = 0 and w.group_id = g.high_id and w.message_id = g.id
  )`;

/** A message was removed by the person for themselves; returns by how much it changes the number of unread ones. */
async function showLess(on: On, { userId, peerId, messageId }: Act, message: Place & { sender_id: string }) {
  const wasUnread = sql`(c.read_id < ${messageId} and ${message.sender_id} <> c.user_id)::int4`;
  const { rows } = await sql<{ change: number }>`
    update message.conversation c set
      unread = c.unread - ${wasUnread},
      shown_for = c.last_id,
      shown_id = case when ${shownLatest} <> ${messageId} then ${shownLatest} else coalesce((
        select m.id from message.message m
        where m.low_id = ${message.low_id} and m.high_id = ${message.high_id} and m.id < ${messageId}
          and ${isShown(sql`m`, sql`c.user_id`)}
        order by m.id desc limit 1
      ), 0) end
    where c.user_id = ${userId} and c.peer_id = ${peerId}
    returning case when c.muted then 0 else -${wasUnread} end as change`.execute(on);
  return rows[0]!.change;
}

/** The same in a group, where the latest message that they see is looked for when it is asked for. */
async function showLessInGroup(on: On, { userId, messageId }: Act, message: Place & { sender_id: string }) {
  const { rows } = await sql<{ change: number }>`
    update message.member m set seen = m.seen + 1, mentioned = m.mentioned - w.mentions
    from (
      select count(*)::int4 as mentions from message.mention
      where user_id = ${userId} and group_id = ${message.high_id} and message_id = ${messageId}
    ) w
    where m.group_id = ${message.high_id} and m.user_id = ${userId} and m.read_id < ${messageId}
      and m.user_id <> ${message.sender_id}
    returning -case when m.muted then w.mentions else 1 end as change`.execute(on);
  return rows[0]?.change ?? 0;
}
