import { type Migration, Migrator, sql } from "kysely";
import type { Database, Transaction } from "./database.ts";
import { setStatementTimeout } from "./statement-timeout.ts";

/** SQL texts by name, applied in the order of their names, each once; never edited after they have landed. */
export type Migrations = Readonly<Record<string, string>>;

/** Brings one schema up to date and tells which migrations ran. Safe to run from many processes at once. */
export async function migrate(database: Database, schema: string, migrations: Migrations): Promise<string[]> {
  const provided: Record<string, Migration> = {};
  for (const [name, text] of Object.entries(migrations)) {
    provided[name] = {
      async up(db) {
        // An index of a large table takes longer than any request may.
        await setStatementTimeout(db as Transaction<unknown>, 0);
        await sql.raw(text).execute(db);
      },
    };
  }
  const migrator = new Migrator({
    db: database.of("public").withoutPlugins(),
    provider: { getMigrations: async () => provided },
    migrationTableSchema: schema,
  });
  const { error, results = [] } = await migrator.migrateToLatest();
  if (error) throw error;
  return results.map((result) => result.migrationName);
}
