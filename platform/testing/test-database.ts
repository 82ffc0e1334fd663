import { randomBytes } from "node:crypto";
import pg from "pg";
import { inject } from "vitest";
import { patienceMs } from "./patience.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** The test run's server, from global-setup.ts. */
    postgresUrl: string;
  }
}

export type TestDatabase = {
  url: string;
  /** Drops the database and ends all connections to it. */
  drop(): Promise<void>;
};

/** An empty database on the run's shared server. */
export function createTestDatabase(): Promise<TestDatabase> {
  return withAdmin((admin) => cloneDatabase(admin, "template0"));
}

/**
 * A database cloned in milliseconds from a template that `migrate` fills once per test run. `templateName`
 * ([a-z0-9_]) names the migrated state: the same name must always mean the same migrations. `migrate` must close its
 * connections.
 */
export function createTestDatabaseFrom(
  templateName: string,
  migrate: (url: string) => Promise<void>,
): Promise<TestDatabase> {
  const template = `template_${templateName}`;
  return withAdmin(async (admin) => {
    if (!(await exists(admin, template))) {
      // Test files run in parallel processes: one migrates, the others wait here.
      await admin.query("select pg_advisory_lock(hashtext($1))", [template]);
      if (!(await exists(admin, template))) await buildTemplate(admin, template, migrate);
      await admin.query("select pg_advisory_unlock(hashtext($1))", [template]);
    }
    return cloneDatabase(admin, template);
  });
}

async function buildTemplate(
  admin: pg.Client,
  template: string,
  migrate: (url: string) => Promise<void>,
): Promise<void> {
  const draft = await cloneDatabase(admin, "template0");
  try {
    await migrate(draft.url);
    // Renamed only when complete; fails if `migrate` left a connection open.
    await admin.query(`alter database ${nameOf(draft.url)} rename to ${template}`);
  } catch (error) {
    await draft.drop();
    throw error;
  }
}

async function cloneDatabase(admin: pg.Client, template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString("hex")}`;
  await admin.query(`create database ${name} template ${template} strategy file_copy`);
  return {
    url: urlOf(name),
    drop: () =>
      withAdmin((again) => again.query(`drop database if exists ${name} with (force)`)).then(() => {}),
  };
}

async function exists(admin: pg.Client, database: string): Promise<boolean> {
  return (await admin.query("select from pg_database where datname = $1", [database])).rowCount === 1;
}

async function withAdmin<T>(work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: urlOf("postgres"), connectionTimeoutMillis: patienceMs });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

function urlOf(database: string): string {
  return inject("postgresUrl").replace(/@\/[^?]*/, `@/${database}`);
}

function nameOf(url: string): string {
  return /@\/([^?]*)/.exec(url)![1]!;
}
