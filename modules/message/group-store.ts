import { sql } from "kysely";
import { GroupRole, NoticeKind } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Queryable } from "#platform/db/database.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import {
  groupsTooMany,
  groupTakenDown,
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
import { type Invited, invite } from "./invitations.ts";
import { enter, inTooMany, lockPlacesOf, type Place, takeOut } from "./places.ts";
import type { Tables } from "./tables.ts";

/** Whom somebody brings into a group: friends come in, others are asked. */
export interface Brought {
  friends: readonly string[];
  others: readonly string[];
}

export interface Added extends Invited {
  groupId: string;
  added: string[];
  /** In too many groups. */
  full: string[];
}

/** The job that removes what is left of a group without people. */
export const removeGroupKind = "remove-group";

/** What somebody does in a group that they are in: `role` is theirs, `other` the place of another. Error: NOT_IN_GROUP. */
export async function asMember<R>(
  writer: GroupWriter,
  groupId: string,
  callerId: string,
  work: (change: GroupChange, role: GroupRole, other: Place | undefined) => Promise<R>,
  otherId = callerId,
): Promise<R> {
  const open = (on: Queryable<Tables>) => lockGroup(on, groupId, callerId);
  const result = await changeGroup(writer, callerId, open, async (change) => {
    const places = await lockPlacesOf(change, callerId, otherId);
    // They may have left while this waited.
    const own = places.get(callerId);
    if (!own) throw refusal("NOT_IN_GROUP");
    return { done: await work(change, own.role, places.get(otherId)) };
  });
  if (!result) throw refusal("NOT_IN_GROUP");
  return result.done;
}

/** Who is in groups, and what they are. Every change is told to the members. */
export function groupStore(writer: GroupWriter, jobs: Pick<Jobs, "add">) {
  /** A group without people goes at once, and what was said in it later. */
  async function leave(change: GroupChange, place: Place, how: Parameters<typeof takeOut>[2]): Promise<void> {
    await takeOut(change, place, how);
    const { on, group } = change;
    if (group.members > 0) return;
    change.last = async () => {
      await sql`
        with links as (
          delete from message.group_link where group_id = ${group.id}
        ), invitations as (
          update message.invitation set closed = true where group_id = ${group.id}
        ), former as (
          delete from message.former_member where group_id = ${group.id}
        )
        delete from message.group_chat where id = ${group.id}`.execute(on);
      await jobs.add(on, removeGroupKind, group.id);
    };
  }

  return {
    /** Made again with the same key, it is the same group. */
    async create(creatorId: string, name: string, brought: Brought, key: string | undefined): Promise<Added> {
      const id = writer.ids.next();
      const open = async (on: Queryable<Tables>): Promise<GroupRow | undefined> => {
        const { rows } = await sql<GroupRow>`
          insert into message.group_chat (id, name, creator_id, idempotency_key)
          values (${id}, ${name}, ${key ? creatorId : null}, ${key ?? null}) on conflict do nothing
          returning id, name, announcement, shows_latest, members, total, last_id, down`.execute(on);
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
      return { groupId: rows[0].id, added: [], invited: [], refused: [], full: [] };
    },

    add: (groupId: string, callerId: string, brought: Brought): Promise<Added> =>
      asMember(writer, groupId, callerId, async (change, role) => {
        requireAdmin(role);
        return bring(change, callerId, brought);
      }),

    /** Somebody who is not there has left already. */
    async remove(groupId: string, callerId: string, userId: string): Promise<void> {
      if (userId !== callerId)
        return asMember(
          writer,
          groupId,
          callerId,
          async (change, own, place) => {
            requireAbove(own, place?.role ?? GroupRole.MEMBER);
            if (!place) return;
            change.notices.push({ kind: NoticeKind.REMOVED, actorId: callerId, userIds: [userId] });
            await leave(change, place, "removed");
          },
          userId,
        );
      const open = (on: Queryable<Tables>) => lockGroup(on, groupId, userId);
      await changeGroup(writer, callerId, open, async (change) => {
        const place = (await lockPlacesOf(change, userId)).get(userId);
        if (!place) return;
        change.notices.push({ kind: NoticeKind.LEFT, actorId: userId });
        await leave(change, place, "left");
      });
    },

    /** Of a deleted account: as if they had left, without their name. */
    async forget(groupId: string, userId: string): Promise<void> {
      const open = (on: Queryable<Tables>) => lockGroup(on, groupId, userId);
      await changeGroup(writer, userId, open, async (change) => {
        const place = (await lockPlacesOf(change, userId)).get(userId);
        if (!place) return;
        change.notices.push({ kind: NoticeKind.LEFT, actorId: groupId });
        await leave(change, place, "deleted");
        // They are told nothing more.
        change.leaving.length = 0;
      });
    },

    setRole: (groupId: string, callerId: string, userId: string, role: GroupRole): Promise<void> =>
      asMember(
        writer,
        groupId,
        callerId,
        async (change, own, place) => {
          if (!place) throw refusal("MEMBER_NOT_FOUND");
          // Also where the caller has handed over just now.
          if (place.role === role) return;
          requireOwner(own);
          if (userId === callerId) throw refusal("OWNER_STAYS");
          // Above an owner is nobody who could let them write again.
          const set = (id: string, to: GroupRole) =>
            sql`update message.member set role = ${to},
                silent_until_ms = case when ${to === GroupRole.OWNER}::bool then 0 else silent_until_ms end
              where group_id = ${groupId} and user_id = ${id}`.execute(change.on);
          if (role === GroupRole.OWNER) await set(callerId, GroupRole.ADMIN);
          await set(userId, role);
          const kinds = { [GroupRole.OWNER]: NoticeKind.OWNER, [GroupRole.ADMIN]: NoticeKind.ADMIN };
          const kind = kinds[role as keyof typeof kinds] ?? NoticeKind.NO_ADMIN;
          change.notices.push({ kind, actorId: callerId, userIds: [userId] });
        },
        userId,
      ),

    /** `untilMs` 0: they may write again. */
    silence: (groupId: string, callerId: string, userId: string, untilMs: number): Promise<void> =>
      asMember(
        writer,
        groupId,
        callerId,
        async (change, own, place) => {
          requireAbove(own, place?.role ?? GroupRole.MEMBER);
          if (!place) throw refusal("MEMBER_NOT_FOUND");
          await sql`update message.member set silent_until_ms = ${untilMs}
            where group_id = ${groupId} and user_id = ${userId}`.execute(change.on);
          const wasSilent = Number(place.silent_until_ms) > Date.now();
          if (wasSilent === untilMs > 0) return;
          const kind = untilMs > 0 ? NoticeKind.MUTED : NoticeKind.UNMUTED;
          change.notices.push({ kind, actorId: callerId, userIds: [userId] });
        },
        userId,
      ),

    change: (
      groupId: string,
      callerId: string,
      wanted: {
        name?: string | undefined;
        announcement?: string | undefined;
        showsLatest?: boolean | undefined;
      },
    ): Promise<void> =>
      asMember(writer, groupId, callerId, async (change, role) => {
        requireAdmin(role);
        const { on, group, notices } = change;
        if (group.down) throw groupTakenDown();
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
  };
}

export type GroupStore = ReturnType<typeof groupStore>;

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
    ...(await invite(change, byId, others)),
    full: [...full],
  };
}
