import { orOutdated } from "#platform/db/outdated.ts";
import { createLog } from "#platform/observe/log.ts";
import { readConfig } from "../config.ts";
import { type Databases, openDatabases } from "../open-databases.ts";

/** Runs `work` on the databases; a server may be running too. Error: DATABASE_OUTDATED. */
export async function withDatabases<Result>(
  work: (databases: Databases) => Promise<Result>,
): Promise<Result> {
  const config = readConfig();
  const databases = await openDatabases(config, createLog(config.logLevel), { exclusive: false });
  try {
    return await work(databases);
  } catch (error) {
    throw orOutdated(error);
  } finally {
    await databases.close();
  }
}
