import type { Database } from "#platform/db/database.ts";
import { orOutdated } from "#platform/db/outdated.ts";
import { createLog } from "#platform/observe/log.ts";
import { readConfig } from "../config.ts";
import { openStorage } from "../storage.ts";

/** Runs `work` on the database; a server may be running too. Error: DATABASE_OUTDATED. */
export async function withDatabase<Result>(work: (database: Database) => Promise<Result>): Promise<Result> {
  const config = readConfig();
  const storage = await openStorage(config, createLog(config.logLevel), { exclusive: false });
  try {
    return await work(storage.database);
  } catch (error) {
    throw orOutdated(error);
  } finally {
    await storage.close();
  }
}
