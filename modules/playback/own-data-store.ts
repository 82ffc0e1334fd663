import { sql } from "kysely";
import { isoTime, type OwnData } from "#platform/export/own-data.ts";
import type { Tables } from "./tables.ts";
import { viewStore } from "./view-store.ts";

export const ownData: OwnData<Tables> = {
  files: {
    history: {
      about: { en: "What you watched", zh: "你看过的视频" },
      async page(db, userId, after = "0", limit) {
        const { rows } = await sql<{
          video_id: string;
          at_ms: string;
          position_ms: number;
          picture: number;
          ended: boolean;
        }>`
          select video_id, at_ms, position_ms, picture, ended from playback.history
          where user_id = ${userId} and video_id > ${after}::int8 and not removed
          order by video_id limit ${limit}`.execute(db);
        return rows.map((row) => ({
          key: row.video_id,
          fields: {
            post: row.video_id,
            at: isoTime(row.at_ms),
            positionMs: row.position_ms,
            picture: row.picture,
            ended: row.ended,
          },
        }));
      },
    },
  },
  async counts(db, postIds) {
    const views = await viewStore(db).viewsOf(postIds);
    return new Map([...views].map(([id, count]) => [id, { views: count }]));
  },
};
