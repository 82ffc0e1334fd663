import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { ownersOf } from "./audience.ts";
import { isShown, type MessageRow, messageColumns } from "./message-row.ts";
import type { Tables } from "./tables.ts";

/** Search in messages, by the pairs of characters that are in them. */
export function searchStore(db: Kysely<Tables>) {
  return {
    /**
     * A person's messages with this text in them, before this one, newest first. Two characters at least: with less every
     * message would be looked at.
     */
    async search(userId: string, text: string, beforeId: string, limit: number): Promise<MessageRow[]> {
      const owners = await ownersOf(db, userId);
      const { rows } = await sql<MessageRow>`
        select ${messageColumns(sql`${userId}::int8`)}
        from unnest(${owners}::int8[]) as o(id) cross join lateral (
          select m.* from message.message m
          where message.grams(m.low_id, m.high_id, m.content) @> message.grams(0, o.id, ${text})
            and o.id in (m.low_id, m.high_id) and m.id < ${beforeId}::int8
            and strpos(lower(m.content), lower(${text})) > 0 and ${isShown(sql`m`, sql`${userId}::int8`)}
          order by m.id desc limit ${limit}
        ) m
        order by m.id desc limit ${limit}`.execute(db);
      return rows;
    },
  };
}

export type SearchStore = ReturnType<typeof searchStore>;
