import { type Kysely, sql } from "kysely";
import type { Tables } from "./tables.ts";

/** The lists of whom somebody follows and is followed by, those of late first, after a follow. */
export function followLists(db: Kysely<Tables>) {
  return {
    following: (userId: string, before: string | undefined, limit: number) =>
      page(db, limit, before).select("followee_id as user_id").where("follower_id", "=", userId).execute(),
    followers: (userId: string, before: string | undefined, limit: number) =>
      page(db, limit, before).select("follower_id as user_id").where("followee_id", "=", userId).execute(),
    friends: (userId: string, before: string | undefined, limit: number) =>
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
        )
        .execute(),
  };
}

function page(db: Kysely<Tables>, limit: number, before: string | undefined) {
  const rows = db.selectFrom("follow").select("follow.id").orderBy("follow.id", "desc").limit(limit);
  return before ? rows.where("follow.id", "<", before) : rows;
}
