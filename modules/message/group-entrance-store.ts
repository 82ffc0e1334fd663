import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Queryable } from "#platform/db/database.ts";
import { groupTakenDown, requireAdmin } from "./group-rules.ts";
import { asMember } from "./group-store.ts";
import { changeGroup, type GroupWriter, lockGroup } from "./group-transaction.ts";
import { closeInvitation } from "./invitations.ts";
import { comeIn, lockPlacesOf } from "./places.ts";
import type { Tables } from "./tables.ts";

/**
 * Links and invitations, by which people come into groups. Who is not in a group locks it: first look whether the link or
 * the invitation is there.
 */
export function groupEntranceStore(writer: GroupWriter) {
  return {
    /** Takes the place of the link from before. */
    makeLink: (
      groupId: string,
      callerId: string,
      link: { code: string; maxUses: number; expiresAtMs: number },
    ): Promise<void> =>
      asMember(writer, groupId, callerId, async ({ on, group }, role) => {
        requireAdmin(role);
        if (group.down) throw groupTakenDown();
        await sql`
          insert into message.group_link (group_id, code, max_uses, expires_at_ms, maker_id)
          values (${groupId}, ${link.code}, ${link.maxUses}, ${link.expiresAtMs}, ${callerId})
          on conflict (group_id) do update set code = excluded.code, uses = 0, max_uses = excluded.max_uses,
            expires_at_ms = excluded.expires_at_ms, maker_id = excluded.maker_id`.execute(on);
      }),

    revokeLink: (groupId: string, callerId: string): Promise<void> =>
      asMember(writer, groupId, callerId, async ({ on }, role) => {
        requireAdmin(role);
        await sql`delete from message.group_link where group_id = ${groupId}`.execute(on);
      }),

    /** Who was in it before comes back without another use. */
    async join(groupId: string, userId: string, code: string): Promise<void> {
      const open = (on: Queryable<Tables>) => lockGroup(on, groupId);
      const joined = await changeGroup(writer, userId, open, async (change) => {
        const { on } = change;
        if ((await lockPlacesOf(change, userId)).has(userId)) return true;
        const { rows } = await sql<{ removed: boolean | null }>`
          update message.group_link l set uses = l.uses + (f.user_id is null)::int4
          from (select) one left join message.former_member f
            on f.group_id = ${groupId}::int8 and f.user_id = ${userId}::int8
          where l.group_id = ${groupId}::int8 and l.code = ${code} and l.expires_at_ms > ${Date.now()}
            and (l.uses < l.max_uses or f.user_id is not null)
          returning f.removed`.execute(on);
        if (!rows[0]) return false;
        if (rows[0].removed) throw refusal("REMOVED_FROM_GROUP");
        await comeIn(change, userId);
        return true;
      });
      if (!joined) throw refusal("LINK_NOT_FOUND");
    },

    async answer(groupId: string, userId: string, accepted: boolean): Promise<void> {
      const open = (on: Queryable<Tables>) => lockGroup(on, groupId);
      const answered = await changeGroup(writer, userId, open, async (change) => {
        if (accepted && (await lockPlacesOf(change, userId)).has(userId)) return true;
        if (!(await closeInvitation(change, userId))) return false;
        if (accepted) await comeIn(change, userId);
        return true;
      });
      if (!answered && accepted) throw refusal("INVITATION_NOT_FOUND");
    },

    /** Takes an invitation back, whoever has given it. */
    withdraw: (groupId: string, callerId: string, userId: string): Promise<void> =>
      asMember(writer, groupId, callerId, async (change, role) => {
        requireAdmin(role);
        await closeInvitation(change, userId);
      }),
  };
}

export type GroupEntranceStore = ReturnType<typeof groupEntranceStore>;
