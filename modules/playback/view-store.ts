import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** The SQL of how often videos were watched. */
export function viewStore(db: Kysely<Tables>) {
  return {
    async viewsOf(videoIds: string[]): Promise<Map<string, number>> {
      const { rows } = await sql<{ video_id: string; views: string }>`
        select video_id, sum(views)::int8 as views from playback.total
        where video_id = any(${videoIds}::int8[]) group by 1`.execute(db);
      return new Map(rows.map((row) => [row.video_id, Number(row.views)]));
    },
  };
}

export type ViewStore = ReturnType<typeof viewStore>;
