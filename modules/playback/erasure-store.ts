import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { markPersonGone, markVideosGone } from "./gone.ts";
import type { Tables } from "./tables.ts";

/** What there is of a video, and the order in which pieces of it go: the next column of an index. */
const ofVideo = {
  minute: "start_ms",
  hour: "start_ms",
  day: "start_ms",
  total: "start_ms",
  source_day: "start_ms",
  retention: "part",
  retention_before: "part",
  session: "viewer",
  history: "user_id",
} as const;
/** What there is of a person by `user_id`. What their videos have goes with them. */
const ofPerson = { history: "video_id", position: "received_ms" } as const;

/** The steps of removing deleted videos and people, each in a transaction of its own; repeating them does no harm. */
export function erasureStore(db: Kysely<Tables>, piece = 2_000) {
  /** Whether there may be more. */
  async function remove(table: string, by: string, id: string, order: string): Promise<boolean> {
    const from = sql.id("playback", table);
    const [of, next] = [sql.id(by), sql.id(order)];
    const { numAffectedRows = 0n } = await sql`
      delete from ${from} where ${of} = ${id} and ${next} <= coalesce((
        select ${next} from ${from} where ${of} = ${id} order by ${next} offset ${piece - 1} limit 1
      ), ${sql.lit("9223372036854775807")}::int8)`.execute(db);
    return numAffectedRows >= piece;
  }
  return {
    markVideos: (videoIds: string[]) => markVideosGone(db, videoIds),
    markPerson: (userId: string) => markPersonGone(db, userId),
    /** The steps of a video, each to be repeated while it returns true. */
    videoSteps: (videoId: string) =>
      Object.entries(ofVideo).map(
        ([table, order]) =>
          () =>
            remove(table, "video_id", videoId, order),
      ),
    personSteps: (userId: string) => [
      ...Object.entries(ofPerson).map(
        ([table, order]) =>
          () =>
            remove(table, "user_id", userId, order),
      ),
      () => remove("followers", "author_id", userId, "start_ms"),
    ],
  };
}

export type ErasureStore = ReturnType<typeof erasureStore>;
