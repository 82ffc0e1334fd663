import { configCommand } from "./config.ts";
import { doctorCommand } from "./doctor.ts";
import { migrateCommand } from "./migrate.ts";
import { openapiCommand } from "./openapi.ts";
import { seedCommand } from "./seed.ts";
import { serveCommand } from "./serve.ts";
import { targetsCommand } from "./targets.ts";

export interface Command {
  summary: string;
  options: Record<string, { type: "string" | "boolean"; default?: string | boolean }>;
  run(values: Record<string, string | boolean | undefined>): Promise<void>;
}

export const commands: Record<string, Command> = {
  serve: serveCommand,
  seed: seedCommand,
  migrate: migrateCommand,
  doctor: doctorCommand,
  config: configCommand,
  targets: targetsCommand,
  openapi: openapiCommand,
};
