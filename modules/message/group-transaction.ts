import { sql } from "kysely";
import { AccountsDeleted } from "#contracts/deleted-accounts.ts";
import { groupInvited } from "#contracts/events.ts";
import type { NoticeKind } from "#contracts/gen/message_pb.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Kysely, Queryable, Transaction } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { type Ids, timeOfId } from "#platform/ids/snowflake.ts";
import type { Tables } from "./tables.ts";
import { type AlsoTold, appendToGroups, emitGrown } from "./timeline-store.ts";

/** What a change of groups needs. */
export interface GroupWriter {
  db: Kysely<Tables>;
  ids: Ids;
  events: EventWriter<Tables>;
  reached(heads: TimelineHead[]): void;
}

export interface GroupRow {
  id: string;
  name: string;
  announcement: string;
  shows_latest: boolean;
  members: number;
  total: string;
  last_id: string;
  down: boolean;
}

/** A line in a group that tells what happened. */
interface Notice {
  kind: NoticeKind;
  /** Who did it; the group itself if that is nobody. */
  actorId: string;
  /** Whom it concerns. */
  userIds?: readonly string[];
  text?: string;
}

/** A transaction that changes a group, which is locked. */
export interface GroupChange {
  on: Transaction<Tables>;
  ids: Ids;
  group: GroupRow;
  /** Told to all who are members at the end. */
  notices: Notice[];
  /** Who hears the first notice although they are no members any more, and by how much it changes what they have not read. */
  leaving: { userId: string; unread: number }[];
  /** Who is told that they are invited. */
  invited: string[];
  /** They must not be deleted accounts. */
  coming: string[];
  /** After everything else. */
  last?: () => Promise<void>;
}

/**
 * Changes a group that `open` locks or makes; undefined if it finds none. The notices are told in the same transaction.
 * Errors: SESSION_ENDED, USER_NOT_FOUND for accounts that were deleted since.
 */
export async function changeGroup<R>(
  { db, ids, events, reached }: GroupWriter,
  callerId: string,
  open: (on: Transaction<Tables>) => Promise<GroupRow | undefined>,
  work: (change: GroupChange) => Promise<R>,
): Promise<R | undefined> {
  let heads: TimelineHead[] = [];
  try {
    const result = await events.transaction(db, async (on, emit) => {
      heads = [];
      const group = await open(on);
      if (!group) return undefined;
      const told = { notices: [], leaving: [], invited: [], coming: [] };
      const change: GroupChange = { on, ids, group, ...told };
      const done = await work(change);
      if (change.notices.length + change.invited.length > 0) {
        heads = await post(change);
        emitGrown(emit, heads, group.id);
      }
      const { invited: userIds } = change;
      if (userIds.length > 0)
        emit(groupInvited, { groupId: group.id, inviterId: callerId, userIds, atMs: Date.now() });
      await change.last?.();
      return done;
    });
    reached(heads);
    return result;
  } catch (error) {
    if (error instanceof AccountsDeleted) throw error.refusalFor(callerId, ...error.ids) ?? error;
    throw error;
  }
}

/** Undefined: there is none, or this person is not in it; so nobody else holds up what others do in it. */
export async function lockGroup(
  on: Queryable<Tables>,
  groupId: string,
  memberId?: string,
): Promise<GroupRow | undefined> {
  const isIn = sql`exists (select from message.member m where m.group_id = g.id and m.user_id = ${memberId}::int8)`;
  const { rows } = await sql<GroupRow>`
    select id, name, announcement, shows_latest, members, total, last_id, down
    from message.group_chat g where id = ${groupId}::int8 ${memberId === undefined ? sql`` : sql`and ${isIn}`}
    for update of g`.execute(on);
  return rows[0];
}

/** Adds notices as messages, each of a later millisecond than the one before. */
async function post({
  on,
  ids,
  group,
  notices,
  leaving,
  invited,
  coming,
}: GroupChange): Promise<TimelineHead[]> {
  let lastId = group.last_id;
  const posted = notices.map((notice) => {
    lastId = ids.next(lastId === "0" ? undefined : timeOfId(lastId));
    return { ...notice, id: lastId };
  });
  const people = posted.flatMap(({ id, userIds = [] }) => userIds.map((userId) => ({ id, userId })));
  await sql`
    with notices as (
      insert into message.message (low_id, high_id, id, sender_id, content, notice)
      select 0, ${group.id}, id, sender_id, content, notice
      from unnest(${posted.map((one) => one.id)}::int8[], ${posted.map((one) => one.actorId)}::int8[],
        ${posted.map((one) => one.text ?? "")}::text[], ${posted.map((one) => one.kind)}::int2[])
        as n(id, sender_id, content, notice)
    ), people as (
      insert into message.notice_person (group_id, message_id, user_id)
      select ${group.id}, id, user_id
      from unnest(${people.map((one) => one.id)}::int8[], ${people.map((one) => one.userId)}::int8[]) as p(id, user_id)
    )
    update message.group_chat set last_id = ${lastId} where id = ${group.id}`.execute(on);
  const also: AlsoTold[] = [
    ...leaving.map((one) => ({ ...one, groupId: group.id, id: posted[0]!.id })),
    ...invited.map((userId) => ({ userId, groupId: group.id, id: "0", unread: 0 })),
  ];
  const heads = await appendToGroups(
    on,
    posted.map(({ id, actorId }) => ({ groupId: group.id, kind: "membership", id, senderId: actorId })),
    also,
  );
  const there = new Set(heads.map(({ userId }) => userId));
  const gone = coming.filter((id) => !there.has(id));
  if (gone.length > 0) throw new AccountsDeleted(gone);
  return heads;
}
