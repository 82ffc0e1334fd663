import { parseArgs } from "node:util";
import { isDiskFull } from "#platform/errors/disk-full.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { noRoom } from "#platform/postgres/postgres-errors.ts";
import packageJson from "../../package.json" with { type: "json" };
import type { Command } from "./commands/command.ts";
import { commands } from "./commands/index.ts";
import { readConfig } from "./config.ts";

const helpOptions = ["--help", "-h"];
const versionOptions = ["version", "--version", "-v"];

/**
 * The command line. A refusal is printed as one sentence; any other error is a bug and prints its stack. `started` is
 * called when a server is.
 */
export async function main(args: string[], started = () => {}): Promise<void> {
  const [name = "help", ...rest] = args;
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  try {
    if (versionOptions.includes(name)) {
      console.log(`douya ${packageJson.version}, Node.js ${process.versions.node}`);
      return;
    }
    if (!command) {
      const asked = ["help", ...helpOptions].includes(name);
      if (!asked) console.error(`There is no command "${name}".\n`);
      console.log(help());
      process.exitCode = asked ? 0 : 2;
      return;
    }
    if (rest.some((word) => helpOptions.includes(word))) {
      console.log(usage(name, command));
      return;
    }
    const { options, positionals: allowPositionals = false } = command;
    const { values, positionals } = parseArgs({ args: rest, options, allowPositionals });
    await command.run(values as Record<string, string | boolean | undefined>, positionals, started);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const plain = error instanceof DomainError || code?.startsWith("ERR_PARSE_ARGS");
    if (isDiskFull(error)) console.error(noRoom(dataDir()).message);
    else console.error(plain ? (error as Error).message : error);
    if (code?.startsWith("ERR_PARSE_ARGS")) console.error(`See: douya ${name} --help`);
    process.exitCode = 1;
  }
}

function dataDir(): string {
  try {
    return readConfig().dataDir;
  } catch {
    return process.cwd();
  }
}

function help(): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length)) + 2;
  const lines = Object.entries(commands).map(
    ([name, command]) => `  ${name.padEnd(width)}${command.summary}`,
  );
  return `douya: the short-video platform that people run themselves\n\n${lines.join("\n")}`;
}

/** `douya events: looks into …`, and each option with its default. */
function usage(name: string, { summary, options }: Command): string {
  const lines = Object.entries(options).map(([option, { type, default: value }]) =>
    type === "boolean" ? `  --${option}` : `  --${option}=${value ?? "…"}`,
  );
  return [`douya ${name}: ${summary}`, ...(lines.length > 0 ? ["", ...lines] : [])].join("\n");
}
