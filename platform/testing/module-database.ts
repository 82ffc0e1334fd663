import { type Database, type Kysely, openDatabase } from "../db/database.ts";
import { type Migrations, migrate } from "../db/migrate.ts";
import { createEvents, type Events } from "../events/events.ts";
import { migrations as eventMigrations } from "../events/migrations.ts";
import { createLog } from "../observe/log.ts";
import { migrations as securityMigrations } from "../security/migrations.ts";
import { createTestDatabaseFrom } from "./test-database.ts";

/**
 * A database of its own with one module's schema and the event log, as a test of the module's store wants it.
 * `version` ([a-z0-9_]) must change whenever the migrations do.
 */
export async function createModuleDatabase<Tables>(
  schema: string,
  version: string,
  migrations: Migrations,
): Promise<{ database: Database; db: Kysely<Tables>; events: Events; drop(): Promise<void> }> {
  const log = createLog("silent");
  const test = await createTestDatabaseFrom(`${schema}_${version}_security`, async (url) => {
    const fresh = openDatabase(url, { log });
    await migrate(fresh, "events", eventMigrations);
    await migrate(fresh, "security", securityMigrations);
    await migrate(fresh, schema, migrations);
    await fresh.close();
  });
  const database = openDatabase(test.url, { log });
  const events = createEvents({ database, log });
  return {
    database,
    events,
    db: database.of<Tables>(schema),
    async drop() {
      await events.stop();
      await database.close();
      await test.drop();
    },
  };
}
