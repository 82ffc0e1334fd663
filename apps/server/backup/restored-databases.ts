import { createLog } from "#platform/observe/log.ts";
import type { Config } from "../config.ts";
import { type Databases, openDatabases } from "../open-databases.ts";
import { modulesOf } from "../targets.ts";

/** The settings of an installation that has nothing but its data folder. */
export function inFolder(config: Config, dataDir: string): Config {
  const none = Object.fromEntries(
    Object.keys(config)
      .filter((name) => name.endsWith("DatabaseUrl"))
      .map((name) => [name, ""]),
  );
  return {
    ...config,
    ...none,
    ...{ dataDir, databaseUrl: "", databaseReplicaUrls: [], blobs: "disk", blobDirs: [], s3Bucket: "" },
  };
}

/** Runs `work` on the restored database of a data folder, which this version has brought up to date. */
export async function withRestored<Result>(
  config: Config,
  work: (databases: Databases) => Promise<Result>,
): Promise<Result> {
  const databases = await openDatabases(config, createLog(config.logLevel));
  try {
    await databases.migrate(modulesOf("all"));
    return await work(databases);
  } finally {
    await databases.close();
  }
}
