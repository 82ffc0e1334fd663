import { openDatabase } from "#platform/db/database.ts";
import { createJobs } from "#platform/jobs/jobs.ts";
import { startLease } from "#platform/lease/process-lease.ts";
import { createLog } from "#platform/observe/log.ts";

/**
 * A separate process for tests: `run-jobs <url> <leaseMs>` works on jobs of the kind `hang` in the schema `test`,
 * writes the key and the attempt of each it begins, and never finishes one.
 */
const [url, leaseMs] = process.argv.slice(2) as [string, string];
const log = createLog("silent");
const database = openDatabase(url, { log });
const lease = startLease(database.pool, { log, leaseMs: Number(leaseMs) });
createJobs({ database, lease, log })
  .of("test")
  .work({
    kinds: {
      hang: {
        maxAttempts: 2,
        timeoutMs: 60_000,
        run: ({ key, attempt }) => new Promise(() => process.stdout.write(`${key} ${attempt}\n`)),
      },
    },
    concurrency: 10,
  });
