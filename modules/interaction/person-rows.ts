import { sql } from "kysely";
import { refuseDeleted } from "#contracts/deleted-accounts.ts";
import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/**
 * Locks the rows of people who comment until the transaction ends, in the order of ids, so that they are not erased
 * meanwhile. Error: AccountsDeleted.
 */
export async function lockPeople(on: Queryable<Tables>, userIds: string[]): Promise<void> {
  const { rows } = await sql<{ user_id: string; gone: boolean }>`
    insert into interaction.person as p (user_id)
    select distinct user_id from unnest(${userIds}::int8[]) as u(user_id) order by user_id
    on conflict (user_id) do update set likes_given = p.likes_given returning user_id, gone`.execute(on);
  refuseDeleted(rows);
}
