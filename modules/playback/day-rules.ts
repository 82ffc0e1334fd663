import { sql } from "kysely";
import type { Transaction } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** How many views a viewer makes at most, by the start of the day; `setting` for days that have not begun yet. */
export async function viewsPerViewerOn(
  on: Transaction<Tables>,
  daysMs: Iterable<number>,
  setting: number,
): Promise<Map<number, number>> {
  const days = [...new Set(daysMs)].sort((a, b) => a - b);
  await sql`
    insert into playback.day_rule (start_ms, views_per_viewer) select d, ${setting}::int4 from unnest(${days}::int8[]) d
    on conflict do nothing`.execute(on);
  // Another statement, so that it sees what another process has committed while this one waited for it.
  const { rows } = await sql<{ start_ms: string; views_per_viewer: number }>`
    select * from playback.day_rule where start_ms = any(${days}::int8[])`.execute(on);
  return new Map(rows.map((row) => [Number(row.start_ms), row.views_per_viewer]));
}
