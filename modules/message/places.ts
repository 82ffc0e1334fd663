import { sql } from "kysely";
import { GroupRole, NoticeKind } from "#contracts/gen/message_pb.ts";
import {
  groupFull,
  groupsTooMany,
  groupTakenDown,
  latestShown,
  maxGroups,
  maxMembers,
} from "./group-rules.ts";
import type { GroupChange } from "./group-transaction.ts";

/** What somebody has in a group. */
export interface Place {
  user_id: string;
  role: GroupRole;
  muted: boolean;
  seen: string;
  mentioned: number;
  silent_until_ms: string;
}

/**
 * The places of these people, locked, with that of who would be the owner next: all at once and in the order of ids, as
 * by everybody who locks several.
 */
export async function lockPlacesOf(
  { on, group }: GroupChange,
  ...userIds: string[]
): Promise<Map<string, Place>> {
  const { rows } = await sql<Place>`
    select user_id, role, muted, seen, silent_until_ms, mentioned from message.member
    where group_id = ${group.id} and (user_id = any(${userIds}::int8[]) or user_id = (
      select user_id from message.member where group_id = ${group.id} and role < ${GroupRole.OWNER}
      order by role desc, joined_id, user_id limit 1
    ))
    order by user_id for update`.execute(on);
  const given = new Set(userIds);
  return new Map(rows.flatMap((row) => (given.has(row.user_id) ? [[row.user_id, row]] : [])));
}

/** Those of these people that are in as many groups as one can be. */
export async function inTooMany({ on }: GroupChange, userIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ user_id: string }>`
    select user_id from message.member where user_id = any(${userIds}::int8[])
    group by user_id having count(*) >= ${maxGroups}`.execute(on);
  return rows.map((row) => row.user_id);
}

/** Adds members; returns those who were none. Errors: GROUP_FULL, GROUP_TAKEN_DOWN. */
export async function enter(
  change: GroupChange,
  userIds: readonly string[],
  role = GroupRole.MEMBER,
): Promise<string[]> {
  const { on, group } = change;
  if (group.down) throw groupTakenDown();
  const { rows } = await sql<{ user_id: string }>`
    with shown as (
      select case when ${group.shows_latest}::boolean then coalesce((
        select id from message.message where low_id = 0 and high_id = ${group.id}::int8
        order by id desc offset ${latestShown - 1} limit 1), 1) - 1
      else ${group.last_id}::int8 end as since_id
    )
    insert into message.member (group_id, user_id, role, since_id, joined_id, read_id, seen, silent_until_ms)
    select ${group.id}::int8, u.user_id, ${role}::int2, since_id, ${group.last_id}::int8, ${group.last_id}::int8, ${group.total}::int8,
      coalesce(f.silent_until_ms, 0)
    from shown cross join unnest(${userIds}::int8[]) as u(user_id)
    left join message.former_member f on f.group_id = ${group.id}::int8 and f.user_id = u.user_id
    order by u.user_id
    on conflict do nothing returning user_id`.execute(on);
  const entered = rows.map((row) => row.user_id);
  await countMembers(change);
  if (group.members > maxMembers) throw groupFull();
  await sql`
    with invitations as (
      delete from message.invitation where group_id = ${group.id}::int8 and user_id = any(${entered}::int8[])
    )
    delete from message.former_member where group_id = ${group.id}::int8 and user_id = any(${entered}::int8[])`.execute(
    on,
  );
  change.coming.push(...entered);
  return entered;
}

/** By themselves. Errors: GROUPS_TOO_MANY, GROUP_FULL, GROUP_TAKEN_DOWN. */
export async function comeIn(change: GroupChange, userId: string): Promise<void> {
  if ((await inTooMany(change, [userId])).length > 0) throw groupsTooMany();
  await enter(change, [userId]);
  change.notices.push({ kind: NoticeKind.JOINED, actorId: userId });
}

/**
 * Takes somebody out; the place is locked. Of a deleted account nothing is left. An owner hands over, to somebody who may
 * write then: nobody is above them to let them.
 */
export async function takeOut(
  change: GroupChange,
  { user_id: userId, role, muted, seen, silent_until_ms, mentioned }: Place,
  how: "left" | "removed" | "deleted",
): Promise<void> {
  const { on, group } = change;
  await sql`
    with former as (
      insert into message.former_member (group_id, user_id, removed, silent_until_ms)
      select ${group.id}, ${userId}, ${how === "removed"}::boolean, ${silent_until_ms}::int8
      where ${how !== "deleted"}::boolean
    ), given as (
      update message.invitation set closed = true where group_id = ${group.id} and inviter_id = ${userId}
    )
    delete from message.member where group_id = ${group.id} and user_id = ${userId}::int8`.execute(on);
  await countMembers(change);
  change.leaving.push({ userId, unread: muted ? -mentioned : Number(seen) - Number(group.total) });
  if (role !== GroupRole.OWNER || group.members === 0) return;
  const { rows } = await sql<{ user_id: string }>`
    update message.member m set role = ${GroupRole.OWNER}, silent_until_ms = 0 from (
      select user_id from message.member where group_id = ${group.id}
      order by role desc, joined_id, user_id limit 1
    ) next where m.group_id = ${group.id} and m.user_id = next.user_id
    returning m.user_id`.execute(on);
  change.notices.push({ kind: NoticeKind.OWNER, actorId: group.id, userIds: [rows[0]!.user_id] });
}

async function countMembers({ on, group }: GroupChange): Promise<void> {
  const { rows } = await sql<{ members: number }>`
    update message.group_chat set members = (
      select count(*) from message.member where group_id = ${group.id}::int8
    ) where id = ${group.id}::int8 returning members`.execute(on);
  group.members = rows[0]!.members;
}
