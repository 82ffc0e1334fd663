import { createLog } from "#platform/observe/log.ts";
import { readConfig } from "../config.ts";
import { migrateAll, openStorage } from "../storage.ts";
import { modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";

export const migrateCommand: Command = {
  summary: "brings the database up to date (serve does it too)",
  options: {},
  async run() {
    const config = readConfig();
    const storage = await openStorage(config, createLog(config.logLevel));
    try {
      const done = await migrateAll(storage.database, modulesOf("all"));
      console.log(done.length === 0 ? "Nothing to do: the database is up to date." : done.join("\n"));
    } finally {
      await storage.close();
    }
  },
};
