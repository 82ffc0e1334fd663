import type { JobTables } from "#platform/jobs/job-table.ts";

export interface Tables extends JobTables {
  person: {
    user_id: string;
    paused: boolean;
    cleared_ms: string;
    watched_on: string | null;
    gone: boolean;
  };
}
