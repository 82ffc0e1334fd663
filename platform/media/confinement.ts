import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";

/**
 * How decoders are kept from what they need not touch, since a strange file may take one over: no network, no
 * privileges nor a way to any, limits of their own, and an end with this process.
 */
export interface Confinement {
  /** Comes before a program and its arguments. */
  readonly prefix: readonly string[];
  /** What this system does not let us have, for `douya doctor`. */
  readonly lacks: readonly string[];
}

const MAX_FILES = 256;
/** For what is written beside the output while it is made. */
const MARGIN_BYTES = 64 * 1024 ** 2;

/** Tries each means once; `attempt` runs a decoder behind a prefix and rejects when it does not work there. */
export async function findConfinement(options: {
  searchPath: string;
  maxOutputBytes: number;
  attempt: (prefix: readonly string[]) => Promise<unknown>;
}): Promise<Confinement> {
  if (process.platform !== "linux") return { prefix: [], lacks: ["any means, which are those of Linux"] };
  let prefix: readonly string[] = [];
  const lacks: string[] = [];

  async function add(what: string, name: string, ways: string[][]): Promise<void> {
    const program = await findProgram(name, options.searchPath);
    if (program === undefined) return void lacks.push(`${what} (install ${name}, of util-linux)`);
    for (const way of ways) {
      const longer = [...prefix, program, ...way, "--"];
      const works = await options.attempt(longer).then(
        () => true,
        () => false,
      );
      if (!works) continue;
      prefix = longer;
      return;
    }
    lacks.push(`${what} (${name} may not here)`);
  }

  await add("a network that leads nowhere", "unshare", [
    ["--net"],
    ["--user", "--map-current-user", "--net"],
  ]);
  const largest = options.maxOutputBytes + MARGIN_BYTES;
  await add("limits of their own", "prlimit", [["--core=0", `--nofile=${MAX_FILES}`, `--fsize=${largest}`]]);
  const bare = ["--no-new-privs", "--inh-caps=-all"];
  await add("being without privileges", "setpriv", [
    [...bare, "--bounding-set=-all", "--pdeathsig=KILL"],
    [...bare, "--pdeathsig=KILL"],
    ["--no-new-privs"],
  ]);
  if (process.getuid?.() === 0) lacks.push("a user of their own (start Douya as an ordinary user)");
  return { prefix, lacks };
}

/** Where a program lies, or undefined. */
export async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter)) {
    const path = join(folder, name);
    if (!isAbsolute(path)) continue;
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return undefined;
}
