import { type Kysely, type SelectQueryBuilder, sql } from "kysely";
import type { Tables } from "./tables.ts";

/** The lists of follows and followers, newest first, after a follow. */
export function followLists(db: Kysely<Tables>) {
  return {
    following: (userId: string, before: string | undefined, limit: number) =>
      inOneText(
        db,
        page(db, limit, before).select("followee_id as user_id").where("follower_id", "=", userId),
      ),
    followers: (userId: string, before: string | undefined, limit: number) =>
      inOneText(
        db,
        page(db, limit, before).select("follower_id as user_id").where("followee_id", "=", userId),
      ),
    friends: (userId: string, before: string | undefined, limit: number) =>
      inOneText(
        db,
        page(db, limit, before)
          .select("followee_id as user_id")
          .where("follower_id", "=", userId)
          .where((is) =>
            is.exists(
              is
                .selectFrom("follow as back")
                .select("back.id")
                .where("back.follower_id", "=", sql.ref<string>("follow.followee_id"))
                .where("back.followee_id", "=", userId),
            ),
          ),
      ),
  };
}

function page(db: Kysely<Tables>, limit: number, before: string | undefined) {
  const rows = db.selectFrom("follow").select("follow.id").orderBy("follow.id", "desc").limit(limit);
  return before ? rows.where("follow.id", "<", before) : rows;
}

interface Row {
  id: string;
  user_id: string;
}

/** A page as one row of two texts: deliveries read ten thousand at a time, and rows cost several times as much. */
async function inOneText(
  db: Kysely<Tables>,
  rows: SelectQueryBuilder<Tables, "follow", Row>,
): Promise<Row[]> {
  const { ids, user_ids } = await db
    .selectFrom(rows.as("row"))
    .select([
      sql<string | null>`string_agg("row".id::text, ',' order by "row".id desc)`.as("ids"),
      sql<string | null>`string_agg("row".user_id::text, ',' order by "row".id desc)`.as("user_ids"),
    ])
    .executeTakeFirstOrThrow();
  const userIds = user_ids?.split(",") ?? [];
  return (ids?.split(",") ?? []).map((id, i) => ({ id, user_id: userIds[i]! }));
}
