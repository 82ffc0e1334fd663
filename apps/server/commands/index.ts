import { backupCommand } from "./backup.ts";
import { blobsCommand } from "./blobs.ts";
import { clusterCommand } from "./cluster.ts";
import type { Command } from "./command.ts";
import { configCommand } from "./config.ts";
import { databaseCommand } from "./database.ts";
import { doctorCommand } from "./doctor.ts";
import { eventsCommand } from "./events.ts";
import { exportCommand } from "./export.ts";
import { migrateCommand } from "./migrate.ts";
import { moduleCommands } from "./module-commands.ts";
import { openapiCommand } from "./openapi.ts";
import { profileCommand } from "./profile.ts";
import { rebuildCommand } from "./rebuild.ts";
import { restoreCommand } from "./restore.ts";
import { securityLogCommand } from "./security-log.ts";
import { seedCommand } from "./seed.ts";
import { serveCommand } from "./serve.ts";
import { settingsCommand } from "./settings.ts";
import { targetsCommand } from "./targets.ts";

export const commands: Record<string, Command> = {
  serve: serveCommand,
  cluster: clusterCommand,
  seed: seedCommand,
  migrate: migrateCommand,
  database: databaseCommand,
  doctor: doctorCommand,
  blobs: blobsCommand,
  backup: backupCommand,
  restore: restoreCommand,
  events: eventsCommand,
  export: exportCommand,
  rebuild: rebuildCommand,
  profile: profileCommand,
  "security-log": securityLogCommand,
  ...moduleCommands(),
  config: configCommand,
  settings: settingsCommand,
  targets: targetsCommand,
  openapi: openapiCommand,
};
