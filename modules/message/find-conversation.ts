import { sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** In which of a person's conversations a message is: the other person, or a group that they are or were in. */
export async function findConversation(
  on: Queryable<Tables>,
  userId: string,
  messageId: string,
): Promise<string | undefined> {
  const { rows } = await sql<{ peer_id: string }>`
    (select c.peer_id from message.conversation c
      join message.message m on m.low_id = least(c.user_id, c.peer_id) and m.high_id = greatest(c.user_id, c.peer_id)
        and m.id = ${messageId}::int8
      where c.user_id = ${userId}::int8 and c.last_id >= ${messageId}::int8)
    union all
    (select g.group_id from (
        select group_id from message.member where user_id = ${userId}::int8
        union all select group_id from message.former_member where user_id = ${userId}::int8
      ) g
      join message.message m on m.low_id = 0 and m.high_id = g.group_id and m.id = ${messageId}::int8)
    limit 1`.execute(on);
  return rows[0]?.peer_id;
}
