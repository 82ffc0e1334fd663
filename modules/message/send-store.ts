import { sql } from "kysely";
import { withoutDeleted } from "#contracts/deleted-accounts.ts";
import { messageSent } from "#contracts/events.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { type Ids, timeOfId } from "#platform/ids/snowflake.ts";
import {
  isShown,
  type MessageRow,
  messageColumns,
  type QuoteRow,
  quotedCharacters,
  quotedParts,
} from "./message-row.ts";
import { inOrder, lock, type Pair, pairKey, unnest } from "./pairs.ts";
import { lockBlobs, type Picture } from "./picture-store.ts";
import { refusalOf, type SendContext } from "./rules.ts";
import type { Tables } from "./tables.ts";
import { append, type Head } from "./timeline-store.ts";

/** What a message has besides its text. */
export interface MessageParts {
  /** The message of the same conversation that it answers. */
  replyToId?: string;
  /** Its blobs are in their place. */
  picture?: Picture;
  videoId?: string;
  profileId?: string;
  forwarded?: boolean;
}

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
  reached: (heads: Head[]) => void,
  isThere: (blobKey: string) => Promise<boolean> = async () => true,
): Send {
  async function sendAll(commands: SendCommand[]): Promise<(MessageRow | DomainError)[]> {
    let heads: Head[] = [];
    const outcomes = await events.transaction(db, async (transaction, emit) => {
      const locked = await lockConversations(transaction, commands);
      const earlier = await findByKey(transaction, commands);
      const quoted = await findQuoted(transaction, commands);
      const gone = await findGoneBlobs(transaction, commands, isThere);
      const added: (SendCommand & { id: string })[] = [];
      const outcomes = commands.map((command) => {
        const pair = pairKey(command.senderId, command.receiverId);
        const known = command.key === undefined ? undefined : earlier.get(pair);
        if (known) return known;
        const own = locked.get(pair);
        const refused = refusalOf(sendContextOf(command, own));
        if (refused) return refused;
        const { replyToId, picture, videoId, profileId, forwarded } = command.parts ?? {};
        const quote = replyToId === undefined ? null : quoted.get(pair);
        if (quote === undefined) return refusal("MESSAGE_NOT_FOUND");
        if (quote?.recalled) return refusal("MESSAGE_RECALLED");
        if (picture && (gone.has(picture.key) || gone.has(picture.small_key))) return refusal("BUSY");
        const id = nextId(ids, own!.last_id);
        if (id instanceof DomainError) return id;
        added.push({ ...command, id });
        const { senderId, receiverId, content } = command;
        return {
          ...{ id, sender_id: senderId, receiver_id: receiverId, content, recalled: false },
          ...{ forwarded: forwarded ?? false, picture: picture ?? null, video_id: videoId ?? null },
          ...{ profile_id: profileId ?? null, reply_to: quote, reactions: null },
        };
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
    select ${messageColumns(sql`w.sender_id`)}
    from unnest(${keyed.map((command) => command.senderId)}::int8[], ${keyed.map((command) => command.receiverId)}::int8[],
      ${keyed.map((command) => command.key)}::text[]) as w(sender_id, receiver_id, key)
    join message.message m
      on m.low_id = least(w.sender_id, w.receiver_id) and m.high_id = greatest(w.sender_id, w.receiver_id)
        and m.sender_id = w.sender_id and m.idempotency_key = w.key`.execute(on);
  return new Map(rows.map((row) => [pairKey(row.sender_id, row.receiver_id), row]));
}

/** The messages that these answer, by sender and receiver. */
async function findQuoted(on: Queryable<Tables>, commands: SendCommand[]): Promise<Map<string, QuoteRow>> {
  const answers = commands.filter((command) => command.parts?.replyToId !== undefined);
  if (answers.length === 0) return new Map();
  const { rows } = await sql<{ from_id: string; to_id: string; quote: QuoteRow }>`
    select w.from_id, w.to_id, json_build_object('id', m.id::text, 'sender_id', m.sender_id::text,
      'content', left(m.content, ${sql.lit(quotedCharacters)}), ${quotedParts(sql`m`)}) as quote
    from unnest(${answers.map((command) => command.senderId)}::int8[], ${answers.map((command) => command.receiverId)}::int8[],
      ${answers.map((command) => command.parts!.replyToId)}::int8[]) as w(from_id, to_id, id)
    join message.message m on m.low_id = least(w.from_id, w.to_id) and m.high_id = greatest(w.from_id, w.to_id)
      and m.id = w.id and ${isShown(sql`m`, sql`w.from_id`)}`.execute(on);
  return new Map(rows.map(({ from_id, to_id, quote }) => [pairKey(from_id, to_id), quote]));
}

/**
 * Adds the messages and what follows from them. The conversations are locked, and now both people. Error:
 * AccountsDeleted.
 */
async function add(on: Queryable<Tables>, added: (SendCommand & { id: string })[]): Promise<Head[]> {
  await sql`
    with sent as materialized (
      select * from unnest(${added.map((one) => one.senderId)}::int8[], ${added.map((one) => one.receiverId)}::int8[],
        ${added.map((one) => one.id)}::int8[], ${added.map((one) => one.content)}::text[],
        ${added.map((one) => one.key ?? null)}::text[], ${added.map((one) => one.friends)}::boolean[],
        ${added.map((one) => one.parts?.replyToId ?? null)}::int8[],
        ${added.map((one) => one.parts?.videoId ?? null)}::int8[],
        ${added.map((one) => one.parts?.profileId ?? null)}::int8[],
        ${added.map((one) => one.parts?.forwarded ?? false)}::boolean[])
        as s(sender_id, receiver_id, id, content, key, friends, reply_to_id, video_id, profile_id, forwarded)
    ), messages as (
      insert into message.message (low_id, high_id, id, sender_id, content, idempotency_key, reply_to_id,
        video_id, profile_id, forwarded)
      select least(sender_id, receiver_id), greatest(sender_id, receiver_id), id, sender_id, content, key, reply_to_id,
        video_id, profile_id, forwarded
      from sent
    ), senders as (
      update message.conversation c
      set last_id = s.id, to_stranger = c.to_stranger + (not s.friends and not c.answered)::int4
      from sent s where c.user_id = s.sender_id and c.peer_id = s.receiver_id
    )
    update message.conversation c set last_id = s.id, unread = c.unread + 1, answered = true
    from sent s where c.user_id = s.receiver_id and c.peer_id = s.sender_id`.execute(on);
  await addPictures(on, added);
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

async function addPictures(on: Queryable<Tables>, added: (SendCommand & { id: string })[]): Promise<void> {
  const rows = added.flatMap(({ id, senderId, receiverId, parts }) => {
    const [low_id, high_id] = inOrder(senderId, receiverId);
    return parts?.picture ? [{ low_id, high_id, message_id: id, ...parts.picture }] : [];
  });
  if (rows.length > 0) await on.insertInto("picture").values(rows).execute();
}

/** The blobs of these pictures that are not there any more; the others stay until the transaction ends. */
async function findGoneBlobs(
  on: Queryable<Tables>,
  commands: SendCommand[],
  isThere: (blobKey: string) => Promise<boolean>,
): Promise<Set<string>> {
  const keys = commands.flatMap(({ parts }) =>
    parts?.picture ? [parts.picture.key, parts.picture.small_key] : [],
  );
  if (keys.length === 0) return new Set();
  await lockBlobs(on, keys);
  const gone = await Promise.all(keys.map(async (key) => ((await isThere(key)) ? [] : [key])));
  return new Set(gone.flat());
}
