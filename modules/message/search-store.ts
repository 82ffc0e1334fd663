import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { type MessageRow, messageColumns, sees } from "./message-row.ts";
import { maxSearchedGroups } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** Search in messages, by the pairs of characters that are in them. */
export function searchStore(db: Kysely<Tables>) {
  return {
    /**
     * What was written with this text in it to or by a person, or in those of their groups in which something was said last,
     * before this message, newest first. Each is a look into the index. Two characters at least: with less every message
     * would be looked at.
     */
    async search(userId: string, text: string, beforeId: string, limit: number): Promise<MessageRow[]> {
      const viewer = sql`${userId}::int8`;
      const { rows } = await sql<MessageRow>`
        select ${messageColumns(viewer)}
        from (
          select ${viewer} as id union all (
            select g.id from message.member i join message.group_chat g on g.id = i.group_id
            where i.user_id = ${viewer} order by g.last_id desc limit ${maxSearchedGroups}
          )
        ) o cross join lateral (
          select m.* from message.message m
          where message.grams(m.low_id, m.high_id, m.content) @> message.grams(0, o.id, ${text})
            and o.id in (m.low_id, m.high_id) and m.id < ${beforeId}::int8 and m.notice is null
            and strpos(lower(m.content), lower(${text})) > 0 and ${sees(sql`m`, viewer)}
          order by m.id desc limit ${limit}
        ) m
        order by m.id desc limit ${limit}`.execute(db);
      return rows;
    },
  };
}

export type SearchStore = ReturnType<typeof searchStore>;
