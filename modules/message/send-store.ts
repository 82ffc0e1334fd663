import { sql } from "kysely";
import { withoutDeleted } from "#contracts/deleted-accounts.ts";
import { messageSent } from "#contracts/events.ts";
import { refusal } from "#contracts/reasons.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { type Ids, timeOfId } from "#platform/ids/snowflake.ts";
import type { MessageRow } from "./message-row.ts";
import {
  addedRow,
  adding,
  addPictures,
  findSent,
  lookUpQuotes,
  type MessageParts,
  type NewMessage,
} from "./new-messages.ts";
import { nextId } from "./next-id.ts";
import { inOrder, lock, type Pair, pairKey, unnest } from "./pairs.ts";
import { refusalOf, type SendContext } from "./rules.ts";
import type { Tables } from "./tables.ts";
import { append } from "./timeline-store.ts";

/** A message to send, with the relationship of the two people as the relation module has it. */
export interface SendCommand {
  senderId: string;
  receiverId: string;
  content: string;
  key: string | undefined;
  parts?: MessageParts;
  friends: boolean;
  blocked?: boolean;
  blockedBy?: boolean;
  traceId: string;
}

interface Added extends SendCommand, Pick<NewMessage, "place"> {
  id: string;
  /** By how much it changes what the receiver has not read; nothing in a muted conversation. */
  unread: number;
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
      const messages = commands.map((one) => ({ ...one, place: inOrder(one.senderId, one.receiverId) }));
      const earlier = await findSent(transaction, messages);
      const quoteOf = await lookUpQuotes(transaction, messages);
      const added: Added[] = [];
      const outcomes = messages.map((message) => {
        const { senderId, receiverId, place } = message;
        const known = earlier.get(pairKey(...place));
        if (known) return known;
        const own = locked.get(pairKey(senderId, receiverId));
        const theirs = locked.get(pairKey(receiverId, senderId));
        const refused = refusalOf(sendContextOf(message, own));
        if (refused) return refused;
        // Removed with an account before it was locked.
        if (!own || !theirs) return refusal("USER_NOT_FOUND");
        const quote = quoteOf(message);
        if (quote instanceof DomainError) return quote;
        const id = nextId(ids, own.last_id);
        if (id instanceof DomainError) return id;
        const unread = theirs.muted ? 0 : 1;
        const one = { ...message, id, unread };
        added.push(one);
        return addedRow(one, receiverId, quote);
      });
      heads = added.length > 0 ? await add(transaction, added) : [];
      const seqOf = new Map(heads.map(({ userId, seq }) => [userId, seq]));
      for (const { id, senderId, receiverId, traceId } of added) {
        const reached = { senderSeq: seqOf.get(senderId), receiverSeq: seqOf.get(receiverId) };
        emit(messageSent, { messageId: id, senderId, receiverId, atMs: timeOfId(id), ...reached }, traceId);
      }
      return outcomes;
    });
    reached(heads);
    return outcomes;
  }
  return (commands) => withoutDeleted(commands, (command) => [command.senderId, command.receiverId], sendAll);
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

/**
 * Adds the messages and what follows from them. The conversations are locked, and now both people. Error:
 * AccountsDeleted.
 */
async function add(on: Queryable<Tables>, added: Added[]): Promise<TimelineHead[]> {
  const toStrangers = added.flatMap(({ id, friends }) => (friends ? [] : [id]));
  const receiver = sql`s.low_id + (s.high_id - s.sender_id)`;
  await sql`
    with ${adding(added)}, senders as (
      update message.conversation c
      set last_id = s.id, to_stranger = c.to_stranger + (s.id = any(${toStrangers}::int8[]) and not c.answered)::int4
      from sent s where c.user_id = s.sender_id and c.peer_id = ${receiver}
    )
    update message.conversation c set last_id = s.id, unread = c.unread + 1, answered = true
    from sent s where c.user_id = ${receiver} and c.peer_id = s.sender_id`.execute(on);
  await addPictures(on, added);
  return append(
    on,
    added.flatMap(({ id, senderId, receiverId, unread }) => {
      const entry = { kind: "message", atMs: timeOfId(id), subjectId: id, actorId: senderId } as const;
      return [
        { ...entry, userId: receiverId, peerId: senderId, unread },
        { ...entry, userId: senderId, peerId: receiverId, unread: 0 },
      ];
    }),
  );
}
