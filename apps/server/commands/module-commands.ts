import { table } from "../targets.ts";
import type { Command } from "./command.ts";
import { withDatabase } from "./with-database.ts";

/**
 * The commands that modules declare. Each runs on its module's database while a server may be running, so they change
 * no schema.
 */
export function moduleCommands(): Record<string, Command> {
  const commands = Object.values(table).flatMap((entry) =>
    Object.entries(entry.module.commands ?? {}).map(([name, { summary, run }]): [string, Command] => [
      name,
      {
        summary,
        options: {},
        positionals: true,
        run: (_values, words) =>
          withDatabase(async (database) => {
            for (const line of await run(database.of(entry.module.name), words)) console.log(line);
          }),
      },
    ]),
  );
  return Object.fromEntries(commands);
}
