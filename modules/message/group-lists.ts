import { sql } from "kysely";
import type { GroupRole } from "#contracts/gen/message_pb.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { groupRefusalOf, maxReadersTold } from "./group-rules.ts";
import type { Pair } from "./pairs.ts";
import type { Tables } from "./tables.ts";

/** A group as one of its members sees it. */
export interface SeenGroup {
  id: string;
  name: string;
  announcement: string;
  shows_latest: boolean;
  members: number;
  role: GroupRole;
  muted: boolean;
  silent_until_ms: string;
  down: boolean;
  face_ids: string[];
}

/** Some people of the group `g`. */
export const faces = sql`array(
  select f.user_id::text from message.member f where f.group_id = g.id order by f.user_id limit 4
) as face_ids`;

/** What people see of groups. */
export function groupLists(db: Kysely<Tables>) {
  return {
    /** Those of these groups that the person is in. */
    async groups(userId: string, ids: readonly string[]): Promise<SeenGroup[]> {
      const { rows } = await sql<SeenGroup>`
        select g.id, g.name, g.announcement, g.shows_latest, g.members, m.role, m.muted, m.silent_until_ms, g.down, ${faces}
        from message.member m join message.group_chat g on g.id = m.group_id
        where m.user_id = ${userId}::int8 and m.group_id = any(${ids}::int8[])`.execute(db);
      return rows;
    },
    /** Why the person may not write in a group. */
    async refusal(groupId: string, userId: string): Promise<DomainError | undefined> {
      const { rows } = await sql<{ silent_until_ms: string | null; was_in: boolean; down: boolean | null }>`
        select m.silent_until_ms, g.down, exists (
          select from message.former_member f where f.group_id = ${groupId}::int8 and f.user_id = ${userId}::int8
        ) as was_in
        from (select) one left join message.member m on m.group_id = ${groupId}::int8 and m.user_id = ${userId}::int8
        left join message.group_chat g on g.id = m.group_id`.execute(db);
      const { silent_until_ms, was_in, down } = rows[0]!;
      const place = silent_until_ms === null ? undefined : { silent_until_ms };
      return groupRefusalOf(place, was_in, down === true);
    },
    /** Who is told that somebody is writing in a group: nobody if it is large, or if they may not write. */
    async typingAudiences(pairs: readonly Pair[]): Promise<string[][]> {
      const { rows } = await sql<{ n: string; user_ids: string[] }>`
        select w.n, array_agg(m.user_id::text order by m.user_id) as user_ids
        from unnest(${pairs.map((one) => one.peerId)}::int8[], ${pairs.map((one) => one.userId)}::int8[])
          with ordinality as w(group_id, user_id, n)
        join message.member own on own.group_id = w.group_id and own.user_id = w.user_id
          and own.silent_until_ms <= ${Date.now()}
        join message.group_chat g on g.id = w.group_id and g.members <= ${maxReadersTold} and not g.down
        join message.member m on m.group_id = g.id and m.user_id <> own.user_id
        group by 1`.execute(db);
      const found = new Map(rows.map((row) => [Number(row.n) - 1, row.user_ids]));
      return pairs.map((_, i) => found.get(i) ?? []);
    },
    /** Undefined: the person is not in it. After the member of this role, time of coming and id. */
    async members(groupId: string, userId: string, after: [string, string, string], limit: number) {
      const { rows } = await sql<{
        user_id: string;
        role: GroupRole;
        joined_id: string;
        silent_until_ms: string;
        read_id: string;
      }>`
        select m.user_id, m.role, m.joined_id, m.silent_until_ms,
          case when g.members <= ${maxReadersTold} then m.read_id else 0 end as read_id
        from message.member own
        join message.group_chat g on g.id = own.group_id
        join message.member m on m.group_id = own.group_id
        where own.group_id = ${groupId}::int8 and own.user_id = ${userId}::int8
          and (-m.role, m.joined_id, m.user_id) > (-${after[0]}::int4, ${after[1]}::int8, ${after[2]}::int8)
        order by -m.role, m.joined_id, m.user_id limit ${limit}`.execute(db);
      return rows;
    },
    /** A link that works, of a group that the person is in. */
    async link(groupId: string, userId: string) {
      const { rows } = await sql<{
        role: GroupRole;
        code: string | null;
        uses: number;
        max_uses: number;
        expires_at_ms: string;
        maker_id: string | null;
      }>`
        select m.role, l.code, l.uses, l.max_uses, l.expires_at_ms, l.maker_id from message.member m
        left join message.group_link l on l.group_id = m.group_id and l.expires_at_ms > ${Date.now()}
          and l.uses < l.max_uses
        where m.group_id = ${groupId}::int8 and m.user_id = ${userId}::int8`.execute(db);
      return rows[0];
    },
    /** The group to which a link leads that works, or in which the person is, or was. None leads to one that is down. */
    async byLink(code: string, userId: string) {
      const { rows } = await sql<{
        id: string;
        name: string;
        members: number;
        face_ids: string[];
        joined: boolean;
      }>`
        select * from (
          select g.id, g.name, g.members, g.down, ${faces}, l.expires_at_ms, l.uses, l.max_uses, exists (
            select from message.member m where m.group_id = g.id and m.user_id = ${userId}::int8
          ) as joined, exists (
            select from message.former_member f where f.group_id = g.id and f.user_id = ${userId}::int8
          ) as was_in
          from message.group_link l join message.group_chat g on g.id = l.group_id where l.code = ${code}
        ) found
        where joined or not down and (expires_at_ms > ${Date.now()} and (uses < max_uses or was_in))`.execute(
        db,
      );
      return rows[0];
    },
  };
}

export type GroupLists = ReturnType<typeof groupLists>;
