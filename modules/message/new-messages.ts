import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Queryable } from "#platform/db/database.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import {
  type MentionRow,
  type MessageRow,
  messageColumns,
  type Picture,
  type QuoteRow,
  quotedCharacters,
  quotedParts,
  sees,
} from "./message-row.ts";
import { pairKey } from "./pairs.ts";
import type { Tables } from "./tables.ts";

/** What a message has besides its text. */
export interface MessageParts {
  /** The message of the same conversation that it answers. */
  replyToId?: string;
  /** Its blobs are in their place, and held there. */
  picture?: Picture;
  videoId?: string;
  profileId?: string;
  forwarded?: boolean;
  /** In a group: some of its members, whom the text mentions. */
  mentions?: readonly MentionRow[];
}

/** A message that somebody sends in a conversation, which is locked. */
export interface NewMessage {
  /** The conversation, as messages have it. */
  place: readonly [lowId: string, highId: string];
  senderId: string;
  content: string;
  key: string | undefined;
  parts?: MessageParts;
}

type Added = NewMessage & { id: string };

// What sending to people and to groups has in common. No two messages are of the same conversation.

/** What was sent before with these keys, by place. */
export async function findSent(
  on: Queryable<Tables>,
  messages: readonly NewMessage[],
): Promise<Map<string, MessageRow>> {
  const keyed = messages.filter(({ key }) => key !== undefined);
  if (keyed.length === 0) return new Map();
  const { rows } = await sql<MessageRow & { low_id: string; high_id: string }>`
    select m.low_id, m.high_id, ${messageColumns(sql`m.sender_id`)}
    from unnest(${lowIds(keyed)}::int8[], ${highIds(keyed)}::int8[], ${keyed.map((one) => one.senderId)}::int8[],
      ${keyed.map((one) => one.key)}::text[]) as w(low_id, high_id, sender_id, key)
    join message.message m on m.low_id = w.low_id and m.high_id = w.high_id and m.sender_id = w.sender_id
      and m.idempotency_key = w.key`.execute(on);
  return new Map(rows.map(({ low_id, high_id, ...row }) => [pairKey(low_id, high_id), row]));
}

/** Says of each what it answers, null if nothing; or why it cannot be sent: MESSAGE_NOT_FOUND, MESSAGE_RECALLED. */
export async function lookUpQuotes(
  on: Queryable<Tables>,
  messages: readonly NewMessage[],
): Promise<(message: NewMessage) => QuoteRow | null | DomainError> {
  const quoted = await findQuoted(on, messages);
  return ({ place, parts }) => {
    const replyToId = parts?.replyToId;
    const quote = replyToId === undefined ? null : quoted.get(pairKey(...place));
    if (quote === undefined) return refusal("MESSAGE_NOT_FOUND");
    if (quote?.recalled) return refusal("MESSAGE_RECALLED");
    return quote;
  };
}

/** A message that was added just now, as its sender sees it. */
export function addedRow(
  { id, place: [lowId], senderId, content, parts = {} }: Added,
  receiverId: string,
  quote: QuoteRow | null,
): MessageRow {
  const { forwarded = false, picture = null, videoId = null, profileId = null, mentions = [] } = parts;
  return {
    ...{ id, sender_id: senderId, receiver_id: receiverId, content, in_group: lowId === "0" },
    ...{ notice: null, people: null, recalled: false, taken_down: false, forwarded, picture },
    ...{ video_id: videoId, profile_id: profileId, reply_to: quote, reactions: null },
    mentions: mentions.length > 0 ? [...mentions] : null,
  };
}

/** Clauses of a statement that adds messages, for others that use the rows `sent`. */
export const adding = (added: readonly Added[]) => sql`
  sent as materialized (
    select * from unnest(${lowIds(added)}::int8[], ${highIds(added)}::int8[], ${added.map((one) => one.id)}::int8[],
      ${added.map((one) => one.senderId)}::int8[], ${added.map((one) => one.content)}::text[],
      ${added.map((one) => one.key ?? null)}::text[], ${added.map((one) => one.parts?.replyToId ?? null)}::int8[],
      ${added.map((one) => one.parts?.videoId ?? null)}::int8[],
      ${added.map((one) => one.parts?.profileId ?? null)}::int8[],
      ${added.map((one) => one.parts?.forwarded ?? false)}::boolean[])
      as s(low_id, high_id, id, sender_id, content, key, reply_to_id, video_id, profile_id, forwarded)
  ), messages as (
    insert into message.message (low_id, high_id, id, sender_id, content, idempotency_key, reply_to_id, video_id,
      profile_id, forwarded)
    select * from sent
  )`;

export async function addPictures(on: Queryable<Tables>, added: readonly Added[]): Promise<void> {
  const rows = added.flatMap(({ id, place: [low_id, high_id], parts }) =>
    parts?.picture ? [{ low_id, high_id, message_id: id, ...parts.picture }] : [],
  );
  if (rows.length > 0) await on.insertInto("picture").values(rows).execute();
}

/** What is answered, by place, as far as the sender sees it. */
async function findQuoted(
  on: Queryable<Tables>,
  messages: readonly NewMessage[],
): Promise<Map<string, QuoteRow>> {
  const answers = messages.filter(({ parts }) => parts?.replyToId !== undefined);
  if (answers.length === 0) return new Map();
  const { rows } = await sql<{ low_id: string; high_id: string; quote: QuoteRow }>`
    select m.low_id, m.high_id, json_build_object('id', m.id::text, 'sender_id', m.sender_id::text,
      'content', left(m.content, ${sql.lit(quotedCharacters)}), ${quotedParts(sql`m`)}) as quote
    from unnest(${lowIds(answers)}::int8[], ${highIds(answers)}::int8[], ${answers.map((one) => one.senderId)}::int8[],
      ${answers.map((one) => one.parts!.replyToId)}::int8[]) as w(low_id, high_id, from_id, id)
    join message.message m on m.low_id = w.low_id and m.high_id = w.high_id and m.id = w.id and m.notice is null
      and ${sees(sql`m`, sql`w.from_id`)}`.execute(on);
  return new Map(rows.map(({ low_id, high_id, quote }) => [pairKey(low_id, high_id), quote]));
}

const lowIds = (messages: readonly NewMessage[]) => messages.map(({ place }) => place[0]);
const highIds = (messages: readonly NewMessage[]) => messages.map(({ place }) => place[1]);
