import { sql } from "kysely";
import { withoutDeleted } from "#contracts/deleted-accounts.ts";
import { messageSent } from "#contracts/events.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { type Ids, timeOfId } from "#platform/ids/snowflake.ts";
import { lock, type MessageRow, messageColumns, type Pair, pairKey, unnest } from "./pairs.ts";
import { refusalOf, type SendContext } from "./rules.ts";
import type { Tables } from "./tables.ts";
import { append } from "./timeline-store.ts";

/** A message to send, with the relationship of the two people as the relation module has it. */
export interface SendCommand {
  senderId: string;
  receiverId: string;
  content: string;
  key: string | undefined;
  friends: boolean;
  blocked?: boolean;
  blockedBy?: boolean;
  traceId: string;
}

export type Send = (commands: SendCommand[]) => Promise<(MessageRow | DomainError)[]>;

/**
 * Sends many messages in one transaction, with their counts and events. Each gives the message (an earlier one if its
 * key was used before) or a refusal. No two may be of the same conversation. Then `reached` is told whose timelines have
 * got how far.
 */
export function sendStore(
  db: Kysely<Tables>,
  ids: Ids,
  events: EventWriter<Tables>,
  reached: (heads: TimelineHead[]) => void,
): Send {
  async function sendAll(commands: SendCommand[]): Promise<(MessageRow | DomainError)[]> {
    let heads: TimelineHead[] = [];
    const outcomes = await events.transaction(db, async (transaction, emit) => {
      const locked = await lockConversations(transaction, commands);
      const earlier = await findByKey(transaction, commands);
      const added: (SendCommand & { id: string })[] = [];
      const outcomes = commands.map((command) => {
        const pair = pairKey(command.senderId, command.receiverId);
        const known = command.key === undefined ? undefined : earlier.get(pair);
        if (known) return known;
        const own = locked.get(pair);
        const refusal = refusalOf(sendContextOf(command, own));
        if (refusal) return refusal;
        const id = nextId(ids, own!.last_id);
        if (id instanceof DomainError) return id;
        added.push({ ...command, id });
        return { id, sender_id: command.senderId, receiver_id: command.receiverId, content: command.content };
      });
      heads = added.length > 0 ? await add(transaction, added) : [];
      for (const { id, senderId, receiverId, traceId } of added)
        emit(messageSent, { messageId: id, senderId, receiverId, atMs: timeOfId(id) }, traceId);
      return outcomes;
    });
    reached(heads);
    return outcomes;
  }
  return (commands) => withoutDeleted(commands, (command) => [command.senderId, command.receiverId], sendAll);
}

/**
 * Larger than the last id of the conversation, even if that came from a process whose clock is ahead. Given under the
 * conversation's lock, so the order of ids is the commit order.
 */
function nextId(ids: Ids, lastId: string): string | DomainError {
  try {
    return ids.next(lastId === "0" ? undefined : timeOfId(lastId));
  } catch (error) {
    // This refuses only messages of the conversation with that clock, not the others of the batch. A new conversation
    // has no clock and leaves no rows.
    if (error instanceof DomainError && lastId !== "0") return error;
    throw error;
  }
}

/** A conversation without messages may have no row. */
function sendContextOf(command: SendCommand, own?: { answered: boolean; to_stranger: number }): SendContext {
  return { ...command, answered: own?.answered ?? false, toStranger: own?.to_stranger ?? 0 };
}

/**
 * Locks the rows of both sides, so that nobody else sends in these conversations. Adds missing rows, except for a
 * first message that is refused.
 */
async function lockConversations(on: Queryable<Tables>, commands: SendCommand[]) {
  const missing = pairsOf(commands.filter((command) => !refusalOf(sendContextOf(command))));
  await sql`
    insert into message.conversation (user_id, peer_id)
    select user_id, peer_id from ${unnest(missing)} order by user_id, peer_id
    on conflict do nothing`.execute(on);
  return lock(on, pairsOf(commands));
}

function pairsOf(commands: SendCommand[]): Pair[] {
  return commands.flatMap(({ senderId, receiverId }) => [
    { userId: senderId, peerId: receiverId },
    { userId: receiverId, peerId: senderId },
  ]);
}

/** What was sent before with these keys, by sender and receiver. */
async function findByKey(on: Queryable<Tables>, commands: SendCommand[]): Promise<Map<string, MessageRow>> {
  const keyed = commands.filter((command) => command.key !== undefined);
  if (keyed.length === 0) return new Map();
  const { rows } = await sql<MessageRow>`
    select ${messageColumns}
    from unnest(${keyed.map((command) => command.senderId)}::int8[], ${keyed.map((command) => command.receiverId)}::int8[],
      ${keyed.map((command) => command.key)}::text[]) as w(sender_id, receiver_id, key)
    join message.message m
      on m.low_id = least(w.sender_id, w.receiver_id) and m.high_id = greatest(w.sender_id, w.receiver_id)
        and m.sender_id = w.sender_id and m.idempotency_key = w.key`.execute(on);
  return new Map(rows.map((row) => [pairKey(row.sender_id, row.receiver_id), row]));
}

/**
 * Adds the messages and what follows from them. The conversations are locked, and now both people. Error:
 * AccountsDeleted.
 */
async function add(on: Queryable<Tables>, added: (SendCommand & { id: string })[]): Promise<TimelineHead[]> {
  await sql`
    with sent as materialized (
      select * from unnest(${added.map((one) => one.senderId)}::int8[], ${added.map((one) => one.receiverId)}::int8[],
        ${added.map((one) => one.id)}::int8[], ${added.map((one) => one.content)}::text[],
        ${added.map((one) => one.key ?? null)}::text[], ${added.map((one) => one.friends)}::boolean[])
        as s(sender_id, receiver_id, id, content, key, friends)
    ), messages as (
      insert into message.message (low_id, high_id, id, sender_id, content, idempotency_key)
      select least(sender_id, receiver_id), greatest(sender_id, receiver_id), id, sender_id, content, key from sent
    ), senders as (
      update message.conversation c
      set last_id = s.id, to_stranger = c.to_stranger + (not s.friends and not c.answered)::int4
      from sent s where c.user_id = s.sender_id and c.peer_id = s.receiver_id
    )
    update message.conversation c set last_id = s.id, unread = c.unread + 1, answered = true
    from sent s where c.user_id = s.receiver_id and c.peer_id = s.sender_id`.execute(on);
  return append(
    on,
    added.flatMap(({ id, senderId, receiverId }) => {
      const entry = { kind: "message", atMs: timeOfId(id), subjectId: id, actorId: senderId } as const;
      return [
        { ...entry, userId: receiverId, peerId: senderId, unread: 1 },
        { ...entry, userId: senderId, peerId: receiverId, unread: 0 },
      ];
    }),
  );
}
