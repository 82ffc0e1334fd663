import { askDatabase } from "#platform/db/ask-database.ts";
import type { Database } from "#platform/db/database.ts";
import { type ProgressWatch, watchProgress } from "#platform/events/admin/progress.ts";
import { startRetention } from "#platform/events/log/retention.ts";
import { createJobs, type ProcessJobs } from "#platform/jobs/jobs.ts";
import { type ProcessLease, startLease } from "#platform/lease/process-lease.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Metrics } from "#platform/observe/metrics.ts";
import { createSecurityLog, type SecurityLog } from "#platform/security/security-log.ts";
import type { NamedDatabase } from "./module-databases.ts";

/** What this process has in one database and does for it, whichever modules are there. */
export interface DatabaseDuties {
  name: string;
  database: Database;
  lease: ProcessLease;
  jobs: ProcessJobs;
  security: SecurityLog;
  progress: ProgressWatch;
  /** Why the database does not answer; undefined if it does. */
  down(): Promise<string | undefined>;
  stop(): Promise<void>;
}

export function startDuties(
  { name, database }: NamedDatabase,
  {
    all,
    metrics,
    log,
    alone,
    stalledMs,
  }: {
    all: () => readonly NamedDatabase[];
    metrics: Metrics;
    log: Logger;
    alone: boolean;
    stalledMs: number;
  },
): DatabaseDuties {
  const { pool } = database;
  const elsewhere = () =>
    all()
      .map((other) => other.database.pool)
      .filter((other) => other !== pool);
  const lease = startLease(pool, { log, alone });
  const jobs = createJobs({ database, lease, measure: metrics.jobs, log });
  const security = createSecurityLog(database.of("security"), log);
  const progress = watchProgress(pool, { log, elsewhere, stalledMs });
  const retention = startRetention(pool, { log, elsewhere });
  return {
    name,
    database,
    lease,
    jobs,
    security,
    progress,
    down: askDatabase(pool),
    async stop() {
      await jobs.stop();
      await Promise.all([security.stop(), progress.stop(), retention.stop()]);
      await lease.release();
    },
  };
}
