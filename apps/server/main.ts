import { parseArgs } from "node:util";
import { DomainError } from "#platform/errors/domain-error.ts";
import { commands } from "./commands/index.ts";

/** The command line. Refusals are one plain sentence; anything else is a bug and shows its stack. */
export async function main(args: string[]): Promise<void> {
  const [name = "help", ...rest] = args;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (!command) {
      if (!["help", "--help", "-h"].includes(name)) console.error(`There is no command "${name}".\n`);
      console.log(help());
      process.exitCode = ["help", "--help", "-h"].includes(name) ? 0 : 2;
      return;
    }
    const { options, positionals: allowPositionals = false } = command;
    const { values, positionals } = parseArgs({ args: rest, options, allowPositionals });
    await command.run(values as Record<string, string | boolean | undefined>, positionals);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const plain = error instanceof DomainError || code?.startsWith("ERR_PARSE_ARGS");
    console.error(plain ? (error as Error).message : error);
    process.exitCode = 1;
  }
}

function help(): string {
  const lines = Object.entries(commands).map(([name, command]) => `  ${name.padEnd(11)}${command.summary}`);
  return `douya: the short-video platform that people run themselves\n\n${lines.join("\n")}`;
}
