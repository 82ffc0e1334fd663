import { sql } from "kysely";
import type { KeptCount } from "#platform/db/recount.ts";

export const counts: readonly KeptCount[] = [
  {
    what: "following",
    kept: sql`select user_id, following from relation.stats`,
    facts: sql`select follower_id, count(*) from relation.follow group by 1`,
  },
  {
    what: "followers",
    kept: sql`select user_id, followers from relation.stats`,
    facts: sql`select followee_id, count(*) from relation.follow group by 1`,
  },
  {
    what: "hot users",
    kept: sql`select user_id, won from relation.hot_user`,
    facts: sql`select user_id, count(*) from relation.hot_follow group by 1`,
  },
];
