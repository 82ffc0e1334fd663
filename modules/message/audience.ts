import { sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** Whom the entries of a conversation go to: its two people, or the members of the group, whose low id is 0. */
export async function audienceOf(on: Queryable<Tables>, lowId: string, highId: string): Promise<string[]> {
  if (lowId !== "0") return [lowId, highId];
  const { rows } = await sql<{ user_id: string }>`
    select user_id from message.member where group_id = ${highId} order by user_id`.execute(on);
  return rows.map((row) => row.user_id);
}
