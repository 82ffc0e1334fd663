import { sql } from "kysely";
import { GroupRole, NoticeKind } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Queryable } from "#platform/db/database.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import {
  groupFull,
  groupsTooMany,
  latestShown,
  maxGroups,
  maxMembers,
  maxNamed,
  requireAbove,
  requireAdmin,
  requireOwner,
} from "./group-rules.ts";
import {
  changeGroup,
  type GroupChange,
  type GroupRow,
  type GroupWriter,
  lockGroup,
} from "./group-transaction.ts";
import type { Tables } from "./tables.ts";

/** Whom somebody brings into a group: friends come in, others are asked. */
export interface Brought {
  friends: readonly string[];
  others: readonly string[];
}

export interface Added {
  groupId: string;
  added: string[];
  invited: string[];
  /** In too many groups. */
  full: string[];
}

interface Place {
  role: GroupRole;
  muted: boolean;
  seen: string;
  silent: boolean;
}

/** The job that removes what is left of a group without people. */
export const removeGroupKind = "remove-group";

/** Who is in groups, and what they are. Every change is told to the members. */
export function groupStore(writer: GroupWriter, jobs: Pick<Jobs, "add">) {
  /** Error: NOT_IN_GROUP. */
  async function asMember<R>(
    groupId: string,
    callerId: string,
    work: (change: GroupChange, role: GroupRole) => Promise<R>,
  ): Promise<R> {
    const open = (on: Queryable<Tables>) => lockGroup(on, groupId);
    const result = await changeGroup(writer, callerId, open, async (change) => {
      const place = await placeOf(change, callerId);
      if (!place) throw refusal("NOT_IN_GROUP");
      return { done: await work(change, place.role) };
    });
    if (!result) throw refusal("NOT_IN_GROUP");
    return result.done;
  }

  /** A group without people goes at once, and what was said in it later. */
  async function leave(change: GroupChange, userId: string, place: Place): Promise<void> {
    const { on, group } = change;
    await sql`delete from message.member where group_id = ${group.id} and user_id = ${userId}::int8`.execute(
      on,
    );
    await countMembers(change);
    change.leaving.push({ userId, unread: place.muted ? 0 : Number(place.seen) - Number(group.total) });
    if (group.members === 0)
      change.last = async () => {
        await sql`
          with links as (
            delete from message.group_link where group_id = ${group.id}
          ), invitations as (
            delete from message.invitation where group_id = ${group.id}
          ), barred as (
            delete from message.barred where group_id = ${group.id}
          )
          delete from message.group_chat where id = ${group.id}`.execute(on);
        await jobs.add(on, removeGroupKind, group.id);
      };
    else if (place.role === GroupRole.OWNER) {
      const { rows } = await sql<{ user_id: string }>`
        update message.member m set role = ${GroupRole.OWNER} from (
          select user_id from message.member where group_id = ${group.id}
          order by role desc, joined_id, user_id limit 1
        ) next where m.group_id = ${group.id} and m.user_id = next.user_id
        returning m.user_id`.execute(on);
      change.notices.push({ kind: NoticeKind.OWNER, actorId: group.id, userIds: [rows[0]!.user_id] });
    }
  }

  return {
    /** Made again with the same key, it is the same group. */
    async create(creatorId: string, name: string, brought: Brought, key: string | undefined): Promise<Added> {
      const id = writer.ids.next();
      const open = async (on: Queryable<Tables>): Promise<GroupRow | undefined> => {
        const { rows } = await sql<GroupRow>`
          insert into message.group_chat (id, name, creator_id, idempotency_key)
          values (${id}, ${name}, ${key ? creatorId : null}, ${key ?? null}) on conflict do nothing
          returning id, name, announcement, shows_latest, members, total, last_id`.execute(on);
        return rows[0];
      };
      const made = await changeGroup(writer, creatorId, open, async (change) => {
        if ((await inTooMany(change, [creatorId])).length > 0) throw groupsTooMany();
        await enter(change, [creatorId], GroupRole.OWNER);
        change.notices.push({ kind: NoticeKind.CREATED, actorId: creatorId, text: name });
        return bring(change, creatorId, brought);
      });
      if (made) return made;
      const { rows } = await sql<{ id: string }>`
        select id from message.group_chat where creator_id = ${creatorId}::int8 and idempotency_key = ${key}`.execute(
        writer.db,
      );
      // It may have been left by everybody since.
      if (!rows[0]) throw refusal("NOT_IN_GROUP");
      return { groupId: rows[0].id, added: [], invited: [], full: [] };
    },

    add: (groupId: string, callerId: string, brought: Brought): Promise<Added> =>
      asMember(groupId, callerId, async (change, role) => {
        requireAdmin(role);
        return bring(change, callerId, brought);
      }),

    /** Somebody who is not there has left already. */
    async remove(groupId: string, callerId: string, userId: string): Promise<void> {
      const open = (on: Queryable<Tables>) => lockGroup(on, groupId);
      const isThere = await changeGroup(writer, callerId, open, async (change) => {
        const { on } = change;
        const place = await placeOf(change, userId);
        if (userId === callerId) {
          if (!place) return true;
          change.notices.push({ kind: NoticeKind.LEFT, actorId: userId });
          await leave(change, userId, place);
          return true;
        }
        const own = await placeOf(change, callerId);
        if (!own) throw refusal("NOT_IN_GROUP");
        requireAbove(own.role, place?.role ?? GroupRole.MEMBER);
        if (!place) return true;
        change.notices.push({ kind: NoticeKind.REMOVED, actorId: callerId, userIds: [userId] });
        await sql`insert into message.barred (group_id, user_id) values (${groupId}, ${userId})
          on conflict do nothing`.execute(on);
        await leave(change, userId, place);
        return true;
      });
      if (!isThere && userId !== callerId) throw refusal("NOT_IN_GROUP");
    },

    /** Of a deleted account: as if they had left, without their name. */
    async forget(groupId: string, userId: string): Promise<void> {
      const open = (on: Queryable<Tables>) => lockGroup(on, groupId);
      await changeGroup(writer, userId, open, async (change) => {
        const place = await placeOf(change, userId);
        if (!place) return;
        change.notices.push({ kind: NoticeKind.LEFT, actorId: groupId });
        await leave(change, userId, place);
        // They are told nothing more.
        change.leaving.length = 0;
      });
    },

    setRole: (groupId: string, callerId: string, userId: string, role: GroupRole): Promise<void> =>
      asMember(groupId, callerId, async (change, own) => {
        const place = await placeOf(change, userId);
        if (!place) throw refusal("MEMBER_NOT_FOUND");
        // Also where the caller has handed over just now.
        if (place.role === role) return;
        requireOwner(own);
        if (userId === callerId) throw refusal("OWNER_STAYS");
        const set = (id: string, to: GroupRole) =>
          sql`update message.member set role = ${to} where group_id = ${groupId} and user_id = ${id}`.execute(
            change.on,
          );
        if (role === GroupRole.OWNER) await set(callerId, GroupRole.ADMIN);
        await set(userId, role);
        const kinds = { [GroupRole.OWNER]: NoticeKind.OWNER, [GroupRole.ADMIN]: NoticeKind.ADMIN };
        const kind = kinds[role as keyof typeof kinds] ?? NoticeKind.NO_ADMIN;
        change.notices.push({ kind, actorId: callerId, userIds: [userId] });
      }),

    /** `untilMs` 0: they may write again. */
    silence: (groupId: string, callerId: string, userId: string, untilMs: number): Promise<void> =>
      asMember(groupId, callerId, async (change, own) => {
        const place = await placeOf(change, userId);
        requireAbove(own, place?.role ?? GroupRole.MEMBER);
        if (!place) throw refusal("MEMBER_NOT_FOUND");
        await sql`update message.member set silent_until_ms = ${untilMs}
          where group_id = ${groupId} and user_id = ${userId}`.execute(change.on);
        if (place.silent === untilMs > 0) return;
        const kind = untilMs > 0 ? NoticeKind.MUTED : NoticeKind.UNMUTED;
        change.notices.push({ kind, actorId: callerId, userIds: [userId] });
      }),

    change: (
      groupId: string,
      callerId: string,
      wanted: {
        name?: string | undefined;
        announcement?: string | undefined;
        showsLatest?: boolean | undefined;
      },
    ): Promise<void> =>
      asMember(groupId, callerId, async (change, role) => {
        requireAdmin(role);
        const { on, group, notices } = change;
        const {
          name = group.name,
          announcement = group.announcement,
          showsLatest = group.shows_latest,
        } = wanted;
        await sql`update message.group_chat
          set name = ${name}, announcement = ${announcement}, shows_latest = ${showsLatest}
          where id = ${groupId}`.execute(on);
        if (name !== group.name) notices.push({ kind: NoticeKind.RENAMED, actorId: callerId, text: name });
        if (announcement !== group.announcement)
          notices.push({ kind: NoticeKind.ANNOUNCED, actorId: callerId, text: announcement });
      }),

    /** Takes the place of the link from before. */
    makeLink: (
      groupId: string,
      callerId: string,
      link: { code: string; maxUses: number; expiresAtMs: number },
    ): Promise<void> =>
      asMember(groupId, callerId, async ({ on }, role) => {
        requireAdmin(role);
        await sql`
          insert into message.group_link (group_id, code, max_uses, expires_at_ms)
          values (${groupId}, ${link.code}, ${link.maxUses}, ${link.expiresAtMs})
          on conflict (group_id) do update set code = excluded.code, uses = 0, max_uses = excluded.max_uses,
            expires_at_ms = excluded.expires_at_ms`.execute(on);
      }),

    revokeLink: (groupId: string, callerId: string): Promise<void> =>
      asMember(groupId, callerId, async ({ on }, role) => {
        requireAdmin(role);
        await sql`delete from message.group_link where group_id = ${groupId}`.execute(on);
      }),

    /** Each person counts once as a use, however often they come. */
    async join(groupId: string, userId: string, code: string): Promise<void> {
      const open = (on: Queryable<Tables>) => lockGroup(on, groupId);
      const joined = await changeGroup(writer, userId, open, async (change) => {
        const { on } = change;
        if (await placeOf(change, userId)) return true;
        const { rows } = await sql<{ barred: boolean }>`
          update message.group_link l set uses = l.uses + 1
          where l.group_id = ${groupId} and l.code = ${code} and l.uses < l.max_uses
            and l.expires_at_ms > ${Date.now()}
          returning exists (select from message.barred b
            where b.group_id = l.group_id and b.user_id = ${userId}::int8) as barred`.execute(on);
        if (!rows[0]) return false;
        if (rows[0].barred) throw refusal("REMOVED_FROM_GROUP");
        await comeIn(change, userId);
        return true;
      });
      if (!joined) throw refusal("LINK_NOT_FOUND");
    },

    async answer(groupId: string, userId: string, accepted: boolean): Promise<void> {
      const open = (on: Queryable<Tables>) => lockGroup(on, groupId);
      const answered = await changeGroup(writer, userId, open, async (change) => {
        if (accepted && (await placeOf(change, userId))) return true;
        const { numAffectedRows } = await sql`
          delete from message.invitation where group_id = ${groupId} and user_id = ${userId}::int8`.execute(
          change.on,
        );
        if (!accepted) return true;
        if (Number(numAffectedRows) === 0) return false;
        await comeIn(change, userId);
        return true;
      });
      if (!answered && accepted) throw refusal("INVITATION_NOT_FOUND");
    },
  };
}

export type GroupStore = ReturnType<typeof groupStore>;

async function placeOf({ on, group }: GroupChange, userId: string): Promise<Place | undefined> {
  const { rows } = await sql<Place>`
    select role, muted, seen, silent_until_ms > ${Date.now()} as silent from message.member
    where group_id = ${group.id} and user_id = ${userId}::int8 for update`.execute(on);
  return rows[0];
}

/** Those of these people that are in as many groups as one can be. */
async function inTooMany({ on }: GroupChange, userIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ user_id: string }>`
    select user_id from message.member where user_id = any(${userIds}::int8[])
    group by user_id having count(*) >= ${maxGroups}`.execute(on);
  return rows.map((row) => row.user_id);
}

/** Adds members; returns those who were none. Error: GROUP_FULL. */
async function enter(
  change: GroupChange,
  userIds: readonly string[],
  role = GroupRole.MEMBER,
): Promise<string[]> {
  const { on, group } = change;
  const { rows } = await sql<{ user_id: string }>`
    with shown as (
      select case when ${group.shows_latest}::boolean then coalesce((
        select id from message.message where low_id = 0 and high_id = ${group.id}::int8
        order by id desc offset ${latestShown - 1} limit 1), 1) - 1
      else ${group.last_id}::int8 end as since_id
    )
    insert into message.member (group_id, user_id, role, since_id, joined_id, read_id, seen)
    select ${group.id}::int8, user_id, ${role}::int2, since_id, ${group.last_id}::int8, ${group.last_id}::int8, ${group.total}::int8
    from unnest(${userIds}::int8[]) as u(user_id), shown order by user_id
    on conflict do nothing returning user_id`.execute(on);
  const entered = rows.map((row) => row.user_id);
  await countMembers(change);
  if (group.members > maxMembers) throw groupFull();
  await sql`
    with invitations as (
      delete from message.invitation where group_id = ${group.id}::int8 and user_id = any(${entered}::int8[])
    )
    delete from message.barred where group_id = ${group.id}::int8 and user_id = any(${entered}::int8[])`.execute(
    on,
  );
  change.coming.push(...entered);
  return entered;
}

/** By themselves. Errors: GROUPS_TOO_MANY, GROUP_FULL. */
async function comeIn(change: GroupChange, userId: string): Promise<void> {
  if ((await inTooMany(change, [userId])).length > 0) throw groupsTooMany();
  await enter(change, [userId]);
  change.notices.push({ kind: NoticeKind.JOINED, actorId: userId });
}

/** Lets friends in and invites the others. Error: GROUP_FULL. */
async function bring(change: GroupChange, byId: string, { friends, others }: Brought): Promise<Added> {
  const full = new Set(await inTooMany(change, friends));
  const added = await enter(
    change,
    friends.filter((id) => !full.has(id)),
  );
  if (added.length > 0)
    change.notices.push({
      ...{ kind: NoticeKind.ADDED, actorId: byId },
      ...{ userIds: added.slice(0, maxNamed), text: String(added.length) },
    });
  return {
    groupId: change.group.id,
    added,
    invited: await invite(change, byId, others),
    full: [...full],
  };
}

/** Error: GROUP_FULL. */
async function invite(change: GroupChange, byId: string, userIds: readonly string[]): Promise<string[]> {
  if (userIds.length === 0) return [];
  const { on, group, ids } = change;
  const { rows } = await sql<{ user_id: string; is_new: boolean }>`
    with wanted as (
      select u.user_id, u.id
      from unnest(${userIds}::int8[], ${userIds.map(() => ids.next())}::int8[]) as u(user_id, id)
      where not exists (select from message.member m where m.group_id = ${group.id}::int8 and m.user_id = u.user_id)
    ), added as (
      insert into message.invitation (group_id, user_id, inviter_id, id)
      select ${group.id}::int8, user_id, ${byId}::int8, id from wanted order by user_id
      on conflict do nothing returning user_id
    )
    select user_id, a.user_id is not null as is_new from wanted left join added a using (user_id)`.execute(
    on,
  );
  const { rows: counts } = await sql<{ count: number }>`
    select count(*)::int4 from message.invitation where group_id = ${group.id}::int8`.execute(on);
  if (counts[0]!.count > maxMembers) throw groupFull();
  change.invited.push(...rows.flatMap((row) => (row.is_new ? [row.user_id] : [])));
  return rows.map((row) => row.user_id);
}

async function countMembers({ on, group }: GroupChange): Promise<void> {
  const { rows } = await sql<{ members: number }>`
    update message.group_chat set members = (
      select count(*) from message.member where group_id = ${group.id}::int8
    ) where id = ${group.id}::int8 returning members`.execute(on);
  group.members = rows[0]!.members;
}
