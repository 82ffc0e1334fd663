import type { Generated } from "kysely";
import type { JobTables } from "#platform/jobs/job-table.ts";

export interface Tables extends JobTables {
  follow: { follower_id: string; followee_id: string; id: string };
  block: { blocker_id: string; blocked_id: string; id: string };
  stats: { user_id: string; following: string; followers: string; gone: Generated<boolean> };
  hot_follow: { follow_id: string; user_id: string };
  hot_user: { user_id: string; won: string };
}
