import { sql } from "kysely";
import { AccountsDeleted, withoutDeleted } from "#contracts/deleted-accounts.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Queryable } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { groupRefusalOf } from "./group-rules.ts";
import type { GroupWriter } from "./group-transaction.ts";
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
import { lockPlaces, pairKey } from "./pairs.ts";
import type { Tables } from "./tables.ts";
import { appendToGroups, emitGrown } from "./timeline-store.ts";

/** A message to a group. */
interface GroupSendCommand {
  senderId: string;
  groupId: string;
  content: string;
  key: string | undefined;
  parts?: MessageParts;
  traceId: string;
}

/** What failed is an error in its place, since the others may be sent. */
export type GroupSend = (commands: GroupSendCommand[]) => Promise<(MessageRow | Error)[]>;

/** Rows of timelines that one transaction writes, whose people hear nothing else meanwhile; or one large group. */
const maxRows = 2_000;

/**
 * Sends to many groups, to all members of each, as sendStore does to people: to several in one transaction. No two may be
 * to the same group.
 */
export function groupSendStore({ db, ids, events, reached }: GroupWriter): GroupSend {
  async function sendAll(commands: GroupSendCommand[]): Promise<(MessageRow | DomainError)[]> {
    let heads: TimelineHead[] = [];
    const outcomes = await events.transaction(db, async (on, emit) => {
      heads = [];
      const groups = await lockGroups(on, commands);
      // Who comes into a group from here on is not in it yet; who is in none holds up nobody.
      const places = await placesOf(
        on,
        commands.filter(({ groupId }) => groups.has(groupId)),
      );
      const isMissing = commands.some(({ groupId, senderId }) => !places.has(pairKey(groupId, senderId)));
      const former = isMissing ? await findFormer(on, commands) : new Set<string>();
      const messages = commands.map((one) => ({ ...one, place: ["0", one.groupId] as const }));
      const earlier = await findSent(on, messages);
      const quoteOf = await lookUpQuotes(on, messages);
      const added: (GroupSendCommand & NewMessage & { id: string })[] = [];
      const outcomes = messages.map((message) => {
        const { groupId, senderId } = message;
        const known = earlier.get(pairKey(...message.place));
        if (known) return known;
        const pair = pairKey(groupId, senderId);
        const refused = groupRefusalOf(
          places.get(pair),
          former.has(pair),
          groups.get(groupId)?.down === true,
        );
        if (refused) return refused;
        const quote = quoteOf(message);
        if (quote instanceof DomainError) return quote;
        const id = nextId(ids, groups.get(groupId)!.last_id);
        if (id instanceof DomainError) return id;
        const { mentions = [] } = message.parts ?? {};
        const there = mentions.filter(({ user_id }) => places.has(pairKey(groupId, user_id)));
        const one = { ...message, id, parts: { ...message.parts, mentions: there } };
        added.push(one);
        return addedRow(one, groupId, quote);
      });
      if (added.length === 0) return outcomes;
      await add(on, added);
      heads = await appendToGroups(
        on,
        added.map(({ groupId, id, senderId }) => ({ groupId, kind: "message", id, senderId })),
      );
      const reachedIds = new Set(heads.map(({ userId }) => userId));
      const gone = added.filter(({ senderId }) => !reachedIds.has(senderId));
      if (gone.length > 0) throw new AccountsDeleted(gone.map(({ senderId }) => senderId));
      // Each belongs to the trace of its message; the first one tells of everybody.
      for (const [i, { groupId, traceId }] of added.entries())
        emitGrown(emit, i === 0 ? heads : [], groupId, traceId);
      return outcomes;
    });
    reached(heads);
    return outcomes;
  }
  return async (commands) => {
    const outcomes: (MessageRow | Error)[] = [];
    for (const some of await inParts(db, commands)) {
      const sent = withoutDeleted(some, ({ senderId }) => [senderId], sendAll);
      outcomes.push(...(await sent.catch((error: Error) => some.map(() => error))));
    }
    return outcomes;
  };
}

/** What one transaction sends each. */
async function inParts(db: Queryable<Tables>, commands: GroupSendCommand[]): Promise<GroupSendCommand[][]> {
  if (commands.length < 2) return [commands];
  const ids = commands.map(({ groupId }) => groupId);
  const { rows } = await sql<{ id: string; members: number }>`
    select id, members from message.group_chat where id = any(${ids}::int8[])`.execute(db);
  const membersOf = new Map(rows.map(({ id, members }) => [id, members]));
  const parts: GroupSendCommand[][] = [];
  let room = 0;
  for (const command of commands) {
    const count = membersOf.get(command.groupId) ?? 0;
    if (parts.length === 0 || count > room) {
      parts.push([]);
      room = maxRows;
    }
    parts.at(-1)!.push(command);
    room -= count;
  }
  return parts;
}

const pairsOf = (commands: GroupSendCommand[]) => sql`
  unnest(${commands.map((command) => command.groupId)}::int8[], ${commands.map((command) => command.senderId)}::int8[])
    as w(group_id, user_id)`;

/** Of those who are in them; in the order of ids, as everybody who locks several. */
async function lockGroups(on: Queryable<Tables>, commands: GroupSendCommand[]) {
  const { rows } = await sql<{ id: string; last_id: string; down: boolean }>`
    select g.id, g.last_id, g.down from ${pairsOf(commands)} join message.group_chat g on g.id = w.group_id
    where exists (select from message.member m where m.group_id = g.id and m.user_id = w.user_id)
    order by g.id for update of g`.execute(on);
  return new Map(rows.map((row) => [row.id, row]));
}

/** Those who were in the group. */
async function findFormer(on: Queryable<Tables>, commands: GroupSendCommand[]): Promise<Set<string>> {
  const { rows } = await sql<{ group_id: string; user_id: string }>`
    select group_id, user_id from ${pairsOf(commands)} join message.former_member f using (group_id, user_id)`.execute(
    on,
  );
  return new Set(rows.map((row) => pairKey(row.group_id, row.user_id)));
}

/** The places of senders and of whom they mention, locked: what they have read does not change meanwhile. */
function placesOf(on: Queryable<Tables>, commands: GroupSendCommand[]) {
  const pairs = commands.flatMap(({ groupId: peerId, senderId, parts }) =>
    [senderId, ...(parts?.mentions ?? []).map((one) => one.user_id)].map((userId) => ({ userId, peerId })),
  );
  return lockPlaces(on, pairs);
}

/** Adds the messages. What one has said oneself is not unread. */
async function add(on: Queryable<Tables>, added: readonly (NewMessage & { id: string })[]): Promise<void> {
  await sql`
    with ${adding(added)}, senders as (
      update message.member m set seen = m.seen + 1
      from sent s where m.group_id = s.high_id and m.user_id = s.sender_id
    )
    update message.group_chat g set last_id = s.id, total = g.total + 1
    from sent s where g.id = s.high_id`.execute(on);
  await addPictures(on, added);
  await addMentions(on, added);
}

/** Whom they mention is in the group, and is not who says it. */
async function addMentions(on: Queryable<Tables>, added: readonly (NewMessage & { id: string })[]) {
  const mentions = added.flatMap(({ id, place: [, groupId], parts }) =>
    (parts?.mentions ?? []).map((one) => ({ ...one, id, groupId })),
  );
  if (mentions.length === 0) return;
  await sql`
    with mentions as (
      insert into message.mention (user_id, group_id, message_id, name_key)
      select * from unnest(${mentions.map((one) => one.user_id)}::int8[], ${mentions.map((one) => one.groupId)}::int8[],
        ${mentions.map((one) => one.id)}::int8[], ${mentions.map((one) => one.name_key)}::text[])
      returning user_id, group_id
    )
    update message.member m set mentioned = m.mentioned + 1
    from mentions n where m.group_id = n.group_id and m.user_id = n.user_id`.execute(on);
}
