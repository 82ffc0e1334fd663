import { type Database, type Kysely, openDatabase } from "../db/database.ts";
import { type Migrations, migrate } from "../db/migrate.ts";
import { createEvents, type Events, type ProcessEvents } from "../events/events.ts";
import { migrations as eventMigrations } from "../events/migrations.ts";
import { createJobs, type Jobs, type ProcessJobs } from "../jobs/jobs.ts";
import { migrations as leaseMigrations } from "../lease/migrations.ts";
import { type ProcessLease, startLease } from "../lease/process-lease.ts";
import { createLog } from "../observe/log.ts";
import { migrations as securityMigrations } from "../security/migrations.ts";
import { patienceMs } from "./patience.ts";
import { createTestDatabaseFrom } from "./test-database.ts";

/** What a process of the module has. */
interface Member<Tables> {
  jobs: Jobs;
  events: Events<Tables>;
}

export interface ModuleDatabase<Tables> extends Member<Tables> {
  database: Database;
  db: Kysely<Tables>;
  /** Another process, as far as the log and the leases can tell. */
  join(): Member<Tables>;
  drop(): Promise<void>;
}

/**
 * A database with one module's schema and the event log, for tests of the module's store. `version` ([a-z0-9_]) must
 * change whenever the migrations do.
 */
export async function createModuleDatabase<Tables>(
  schema: string,
  version: string,
  migrations: Migrations,
): Promise<ModuleDatabase<Tables>> {
  const log = createLog("silent");
  const test = await createTestDatabaseFrom(`${schema}_${version}_security_lease_3`, async (url) => {
    const fresh = openDatabase(url, { log });
    await migrate(fresh, "lease", leaseMigrations);
    await migrate(fresh, "events", eventMigrations);
    await migrate(fresh, "security", securityMigrations);
    await migrate(fresh, schema, migrations);
    await fresh.close();
  });
  // Where hundreds ask at once, the last of them waits for a connection as long as it takes.
  const database = openDatabase(test.url, { log, connectTimeoutMs: patienceMs });
  const joined: { lease: ProcessLease; jobs: ProcessJobs; events: ProcessEvents }[] = [];
  const join = () => {
    const lease = startLease(database.pool, { log });
    const jobs = createJobs({ database, lease, log });
    const events = createEvents({ databases: [{ database, lease }], databaseOf: () => database, log });
    joined.push({ lease, jobs, events });
    return { jobs: jobs.of(schema), events: events.of<Tables>(schema) };
  };
  return {
    ...join(),
    database,
    db: database.of<Tables>(schema),
    join,
    async drop() {
      await Promise.all(joined.map(({ events }) => events.stop()));
      await Promise.all(joined.map(({ jobs }) => jobs.stop()));
      // Its answer may come too late on a busy machine, and the database goes with all leases.
      await Promise.all(joined.map(({ lease }) => lease.release().catch(() => {})));
      await database.close();
      await test.drop();
    },
  };
}
