import { readConfig } from "../config.ts";
import { openBlobs } from "../open-blobs.ts";
import { progressBar } from "../progress-bar.ts";
import { table } from "../targets.ts";
import type { Command } from "./command.ts";
import { withDatabases } from "./with-databases.ts";

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
          withDatabases(async (databases) => {
            const { name: module } = entry.module;
            const blobs = async () => (await openBlobs(readConfig(), [])).blobs;
            for (const line of await run(databases.of(module).of(module), words, progressBar(), blobs))
              console.log(line);
          }),
      },
    ]),
  );
  return Object.fromEntries(commands);
}
