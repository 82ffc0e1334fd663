import { sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/**
 * Whom entries about a message of a conversation go to: its two people, or the members of the group, whose low id is 0, who
 * were there when it was written.
 */
export async function audienceOf(
  on: Queryable<Tables>,
  lowId: string,
  highId: string,
  messageId: string,
): Promise<string[]> {
  if (lowId !== "0") return [lowId, highId];
  const { rows } = await sql<{ user_id: string }>`
    select user_id from message.member where group_id = ${highId}::int8 and since_id < ${messageId}::int8
    order by user_id`.execute(on);
  return rows.map((row) => row.user_id);
}

/** What a person calls the conversation. */
export function conversationOf(userId: string, lowId: string, highId: string): string {
  return userId === highId ? lowId : highId;
}
