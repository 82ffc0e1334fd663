import type { Kysely } from "#platform/db/database.ts";
import type { Found } from "./status-rows.ts";
import type { Tables } from "./tables.ts";

/** The SQL of what is known of subjects. */
export function statusStore(db: Kysely<Tables>) {
  return {
    async byIds(ids: readonly string[]): Promise<Found[]> {
      if (ids.length === 0) return [];
      const rows = await db
        .selectFrom("status")
        .select(["subject_id", "kind", "owner_id", "video_id"])
        .where("subject_id", "in", ids)
        .execute();
      return rows.map((row) => ({
        ...{ kind: row.kind, id: row.subject_id, ownerId: row.owner_id, videoId: row.video_id },
      }));
    },
  };
}

export type StatusStore = ReturnType<typeof statusStore>;
