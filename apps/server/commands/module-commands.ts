import { table } from "../targets.ts";
import { besideServer } from "./beside-server.ts";
import type { Command } from "./command.ts";

/** The commands that modules declare, each on its module's database, beside a running server too, so they change no schema. */
export function moduleCommands(): Record<string, Command> {
  const commands = Object.values(table).flatMap((entry) =>
    Object.entries(entry.module.commands ?? {}).map(([name, { summary, run }]): [string, Command] => [
      name,
      {
        summary,
        options: {},
        positionals: true,
        run: (_values, words) =>
          besideServer(async (database) => {
            for (const line of await run(database.of(entry.module.name), words)) console.log(line);
          }),
      },
    ]),
  );
  return Object.fromEntries(commands);
}
