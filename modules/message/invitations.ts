import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { maxInvitations, maxInvitationsShown, maxInvitationsToOne, maxInvitedAtOnce } from "./group-rules.ts";
import type { GroupChange } from "./group-transaction.ts";
import { countedAfter, isOpen } from "./open-invitations.ts";
import type { Tables } from "./tables.ts";

export interface Invited {
  invited: string[];
  /** Who has been invited too often, or would be one too many. */
  refused: string[];
}

/** Invites people who are no members. */
export async function invite(
  change: GroupChange,
  byId: string,
  userIds: readonly string[],
): Promise<Invited> {
  if (userIds.length === 0) return { invited: [], refused: [] };
  const { on, group, ids } = change;
  // What one invites into several groups at the same time is counted one after the other.
  await sql`select pg_advisory_xact_lock(hashtextextended('invitations of ' || ${byId}::text, 0))`.execute(
    on,
  );
  const { rows } = await sql<{ user_id: string; closed: boolean | null; times: number; total: number }>`
    with given as materialized (
      select user_id from message.invitation where inviter_id = ${byId}::int8 and id > ${countedAfter()}::int8
    )
    select u.user_id, i.closed, (select count(*)::int4 from given g where g.user_id = u.user_id) as times,
      (select count(*)::int4 from given) as total
    from unnest(${userIds}::int8[]) with ordinality as u(user_id, n)
    left join message.invitation i
      on i.group_id = ${group.id}::int8 and i.user_id = u.user_id and i.id > ${countedAfter()}::int8
    where not exists (select from message.member m where m.group_id = ${group.id}::int8 and m.user_id = u.user_id)
    order by u.n`.execute(on);
  const [invited, refused, added] = [[] as string[], [] as string[], [] as string[]];
  for (const { user_id, closed, times, total } of rows) {
    const isIn = closed === false;
    const isOne =
      closed === null &&
      times < maxInvitationsToOne &&
      added.length < Math.min(maxInvitedAtOnce, maxInvitations - total);
    (isIn || isOne ? invited : refused).push(user_id);
    if (isOne) added.push(user_id);
  }
  await sql`
    insert into message.invitation (group_id, user_id, inviter_id, id)
    select ${group.id}::int8, user_id, ${byId}::int8, id
    from unnest(${added}::int8[], ${added.map(() => ids.next())}::int8[]) as a(user_id, id) order by user_id
    on conflict (group_id, user_id) do update
      set inviter_id = excluded.inviter_id, id = excluded.id, closed = false`.execute(on);
  change.invited.push(...added);
  return { invited, refused };
}

/** Returns whether there was an open invitation. Who accepts comes in, which removes it. */
export async function closeInvitation(
  { on, group }: Pick<GroupChange, "on" | "group">,
  userId: string,
): Promise<boolean> {
  const { numAffectedRows } = await sql`
    update message.invitation i set closed = true
    where group_id = ${group.id} and user_id = ${userId}::int8 and ${isOpen()}`.execute(on);
  return Number(numAffectedRows) > 0;
}

/** Invitations as people see them. */
export function invitationLists(db: Kysely<Tables>) {
  return {
    /** The newest first, before this one; none into groups that are down. */
    async listed(userId: string, beforeId: string, limit: number) {
      const { rows } = await sql<{
        id: string;
        group_id: string;
        inviter_id: string;
        name: string;
        members: number;
      }>`
        select i.id, i.group_id, i.inviter_id, g.name, g.members
        from (
          select * from message.invitation i where user_id = ${userId}::int8 and ${isOpen()}
          order by id desc limit ${maxInvitationsShown}
        ) i join message.group_chat g on g.id = i.group_id and not g.down
        where i.id < ${beforeId}::int8 order by i.id desc limit ${limit}`.execute(db);
      return rows;
    },
    /** Those into a group, whoever has given them: the newest first, before this one. */
    async given(groupId: string, beforeId: string, limit: number) {
      const { rows } = await sql<{ id: string; user_id: string; inviter_id: string }>`
        select id, user_id, inviter_id from message.invitation i
        where group_id = ${groupId}::int8 and ${isOpen()} and i.id < ${beforeId}::int8
        order by id desc limit ${limit}`.execute(db);
      return rows;
    },
    /** Who has invited the person into this group. */
    async inviter(groupId: string, userId: string): Promise<string | undefined> {
      const { rows } = await sql<{ inviter_id: string }>`
        select inviter_id from message.invitation i
        where group_id = ${groupId}::int8 and user_id = ${userId}::int8 and ${isOpen()}`.execute(db);
      return rows[0]?.inviter_id;
    },
    /** Removes those that do not count any more. */
    async expire(): Promise<void> {
      await sql`delete from message.invitation where id <= ${countedAfter()}::int8`.execute(db);
    },
  };
}

export type InvitationLists = ReturnType<typeof invitationLists>;
