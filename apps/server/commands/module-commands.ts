import { orOutdated } from "#platform/db/outdated.ts";
import { createLog } from "#platform/observe/log.ts";
import { readConfig } from "../config.ts";
import { openStorage } from "../storage.ts";
import { table } from "../targets.ts";
import type { Command } from "./command.ts";

/** The commands that modules declare, each on its module's database, beside a running server too, so they change no schema. */
export function moduleCommands(): Record<string, Command> {
  const commands = Object.values(table).flatMap((placed) =>
    Object.entries(placed.module.commands ?? {}).map(([name, { summary, run }]): [string, Command] => [
      name,
      {
        summary,
        options: {},
        positionals: true,
        async run(_values, words) {
          const config = readConfig();
          const storage = await openStorage(config, createLog(config.logLevel), { beside: true });
          try {
            const lines = await run(storage.database.of(placed.module.name), words).catch((error) => {
              throw orOutdated(error);
            });
            for (const line of lines) console.log(line);
          } finally {
            await storage.close();
          }
        },
      },
    ]),
  );
  return Object.fromEntries(commands);
}
