import { sql } from "kysely";
import type { Transaction } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/**
 * Notes of which of these authors nothing is left to be pulled; to be called after their videos were taken out, at the
 * end of that transaction, since whoever notes a video of theirs waits for it.
 */
export async function clearPulled(on: Transaction<Tables>, authorIds: string[]): Promise<void> {
  const { rows } = await sql<{ author_id: string }>`
    select author_id from feed.author where author_id = any(${authorIds}::int8[]) and pulled
    order by author_id for update`.execute(on);
  if (rows.length === 0) return;
  // A statement of its own, which sees what was noted before we had the locks; whoever comes later sets it again.
  await sql`
    update feed.author a set pulled = false where author_id = any(${rows.map((row) => row.author_id)}::int8[])
      and not exists (select from feed.author_video v where v.author_id = a.author_id and not v.pushed)`.execute(
    on,
  );
}
