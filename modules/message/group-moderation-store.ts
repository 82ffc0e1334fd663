import { sql } from "kysely";
import { GroupRole, NoticeKind } from "#contracts/gen/message_pb.ts";
import type { Queryable } from "#platform/db/database.ts";
import { faces } from "./group-lists.ts";
import { changeGroup, type GroupWriter, lockGroup } from "./group-transaction.ts";
import type { Tables } from "./tables.ts";

/** What the moderators have decided on a group. */
interface GroupStanding {
  groupId: string;
  version: string;
  down: boolean;
}

interface ModeratedGroup {
  id: string;
  name: string;
  announcement: string;
  owner_id: string;
  members: number;
  face_ids: string[];
  down: boolean;
}

/** Groups as moderators see and judge them. */
export function groupModerationStore(writer: GroupWriter) {
  return {
    /** Its members are told, unless it is as it was. Nothing happens if the version is not greater than the last. */
    async moderate({ groupId, version, down }: GroupStanding): Promise<void> {
      const open = (on: Queryable<Tables>) => lockGroup(on, groupId);
      await changeGroup(writer, groupId, open, async ({ on, group, notices }) => {
        const { numAffectedRows } = await sql`
          update message.group_chat set down = ${down}, moderated = ${version}
          where id = ${groupId} and moderated < ${version}::int8`.execute(on);
        if (Number(numAffectedRows) === 0 || group.down === down) return;
        const kind = down ? NoticeKind.TAKEN_DOWN : NoticeKind.RESTORED;
        notices.push({ kind, actorId: groupId });
      });
    },
    async groups(ids: readonly string[]): Promise<ModeratedGroup[]> {
      const { rows } = await sql<ModeratedGroup>`
        select g.id, g.name, g.announcement, o.user_id as owner_id, g.members, g.down, ${faces}
        from message.group_chat g join message.member o on o.group_id = g.id and o.role = ${GroupRole.OWNER}
        where g.id = any(${ids}::int8[])`.execute(writer.db);
      return rows;
    },
  };
}

export type GroupModerationStore = ReturnType<typeof groupModerationStore>;
