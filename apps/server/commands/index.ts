import { configCommand } from "./config.ts";
import { doctorCommand } from "./doctor.ts";
import { eventsCommand } from "./events.ts";
import { migrateCommand } from "./migrate.ts";
import { openapiCommand } from "./openapi.ts";
import { seedCommand } from "./seed.ts";
import { serveCommand } from "./serve.ts";
import { targetsCommand } from "./targets.ts";

export interface Command {
  summary: string;
  options: Record<string, { type: "string" | "boolean"; default?: string | boolean }>;
  /** Whether words may follow that are no options: `douya events lag`. */
  positionals?: boolean;
  run(values: Record<string, string | boolean | undefined>, positionals: string[]): Promise<void>;
}

export const commands: Record<string, Command> = {
  serve: serveCommand,
  seed: seedCommand,
  migrate: migrateCommand,
  doctor: doctorCommand,
  events: eventsCommand,
  config: configCommand,
  targets: targetsCommand,
  openapi: openapiCommand,
};
