import { sql } from "kysely";
import { AccountsDeleted, withoutDeleted } from "#contracts/deleted-accounts.ts";
import { refusal } from "#contracts/reasons.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Queryable } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { GroupWriter } from "./group-transaction.ts";
import type { MessageRow } from "./message-row.ts";
import {
  addedRow,
  adding,
  addPictures,
  findSent,
  lookUpParts,
  type MessageParts,
  type NewMessage,
} from "./new-messages.ts";
import { nextId } from "./next-id.ts";
import { pairKey } from "./pairs.ts";
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

export type GroupSend = (commands: GroupSendCommand[]) => Promise<(MessageRow | DomainError)[]>;

/**
 * Sends to many groups in one transaction, to all members of each, as sendStore does to people. No two may be to the same
 * group.
 */
export function groupSendStore(
  { db, ids, events, reached }: GroupWriter,
  isThere: (blobKey: string) => Promise<boolean> = async () => true,
): GroupSend {
  async function sendAll(commands: GroupSendCommand[]): Promise<(MessageRow | DomainError)[]> {
    let heads: TimelineHead[] = [];
    const outcomes = await events.transaction(db, async (on, emit) => {
      heads = [];
      const groups = await lockGroups(on, commands);
      const places = await placesOf(on, commands);
      const messages = commands.map((one) => ({ ...one, place: ["0", one.groupId] as const }));
      const earlier = await findSent(on, messages);
      const quoteOf = await lookUpParts(on, messages, isThere);
      const added: (GroupSendCommand & NewMessage & { id: string })[] = [];
      const outcomes = messages.map((message) => {
        const { groupId, senderId } = message;
        const known = earlier.get(pairKey(...message.place));
        if (known) return known;
        const group = groups.get(groupId);
        if (!group) return refusal("USER_NOT_FOUND");
        const place = places.get(pairKey(groupId, senderId));
        if (!place) return refusal("NOT_IN_GROUP");
        if (Number(place.silent_until_ms) > Date.now()) return refusal("MUTED_IN_GROUP");
        const quote = quoteOf(message);
        if (quote instanceof DomainError) return quote;
        const id = nextId(ids, group.last_id);
        if (id instanceof DomainError) return id;
        const one = { ...message, id };
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
  return (commands) => withoutDeleted(commands, ({ senderId }) => [senderId], sendAll);
}

/** In the order of ids, as everybody who locks several. */
async function lockGroups(on: Queryable<Tables>, commands: GroupSendCommand[]) {
  const { rows } = await sql<{ id: string; last_id: string }>`
    select id, last_id from message.group_chat
    where id = any(${commands.map((command) => command.groupId)}::int8[]) order by id for update`.execute(on);
  return new Map(rows.map((row) => [row.id, row]));
}

/** The senders in their groups, locked: what they have read does not change meanwhile. */
async function placesOf(on: Queryable<Tables>, commands: GroupSendCommand[]) {
  const { rows } = await sql<{ group_id: string; user_id: string; silent_until_ms: string }>`
    select m.group_id, m.user_id, m.silent_until_ms
    from unnest(${commands.map((command) => command.groupId)}::int8[], ${commands.map((command) => command.senderId)}::int8[])
      as w(group_id, user_id)
    join message.member m on m.group_id = w.group_id and m.user_id = w.user_id
    order by m.group_id, m.user_id for update of m`.execute(on);
  return new Map(rows.map((row) => [pairKey(row.group_id, row.user_id), row]));
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
}
