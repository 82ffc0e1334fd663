import { createLog } from "#platform/observe/log.ts";
import { readConfig } from "../config.ts";
import { openDatabases } from "../open-databases.ts";
import { modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";

export const migrateCommand: Command = {
  summary: "brings the databases up to date (serve does it too)",
  options: {},
  async run() {
    const config = readConfig();
    const databases = await openDatabases(config, createLog(config.logLevel));
    try {
      const done = await databases.migrate(modulesOf("all"));
      console.log(done.length === 0 ? "Nothing to do: the database is up to date." : done.join("\n"));
    } finally {
      await databases.close();
    }
  },
};
