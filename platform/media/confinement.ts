import { access, constants, readFile } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import type { MediaLimits } from "./media-limits.ts";

/**
 * How decoders are confined, since a file may take one over: no network, no privileges and no way to get any, their
 * own account, their own limits, and an end with this process.
 */
export interface Confinement {
  /** Comes before a program and its arguments. */
  readonly prefix: readonly string[];
  /** The account that the prefix changes to, which can open none of our files. null: ours. */
  readonly account: Account | null;
  /** What this system does not allow, for `douya doctor`. */
  readonly lacks: readonly string[];
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const UNCONFINED: Confinement = { prefix: [], account: null, lacks: [] };

/** An unused account. Not `nobody`, which may run PostgreSQL with all our data. */
const DECODERS: Account = { uid: 65533, gid: 65533 };
const MAX_OPEN_FILES = 256;
/** Resident memory is watched more closely: this bounds growth between two checks. */
const MEMORY_FACTOR = 2;
/** Sources may be larger than their output, and sometimes a copy of one is needed. */
const FILE_FACTOR = 4;
/** What root needs to change to another account, to pass files to it and to end it (capability.h). */
const [CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID] = [0n, 5n, 6n, 7n];

/**
 * Tries all means at once, and each alone if that fails; `attempt` runs a decoder confined by them, and rejects if it
 * cannot work.
 */
export async function findConfinement(options: {
  searchPath: string;
  limits: MediaLimits;
  attempt: (confinement: Confinement) => Promise<unknown>;
}): Promise<Confinement> {
  if (process.platform !== "linux") return { ...UNCONFINED, lacks: ["any means, which are those of Linux"] };
  let found: Confinement = UNCONFINED;
  const lack = (what: string) => {
    found = { ...found, lacks: [...found.lacks, what] };
  };
  const works = (tried: Confinement) =>
    options.attempt(tried).then(
      () => true,
      () => false,
    );
  const behind = (before: Confinement, program: string, { args, account }: Way): Confinement => ({
    ...before,
    prefix: [...before.prefix, program, ...args, "--"],
    account: account ?? before.account,
  });

  /** The first variant of each means; undefined if a program is missing. */
  async function inFull(means: Means[]): Promise<Confinement | undefined> {
    let all: Confinement = UNCONFINED;
    for (const { name, ways } of means) {
      const program = await findProgram(name, options.searchPath);
      if (!program) return undefined;
      all = behind(all, program, ways[0]!);
    }
    return all;
  }

  /** Takes the first variant that works together with those found before. */
  async function add({ what, name, ways }: Means): Promise<boolean> {
    const program = await findProgram(name, options.searchPath);
    for (const way of program ? ways : []) {
      const more = behind(found, program!, way);
      if (!(await works(more))) continue;
      found = more;
      return true;
    }
    if (what) lack(`${what} (${program ? `${name} may not here` : `install ${name}, of util-linux`})`);
    return false;
  }

  const isRoot = process.getuid?.() === 0;
  const { threads, renditionTimeoutMs, maxMemoryBytes, maxOutputBytes } = options.limits;
  const bounds = [
    "--core=0",
    `--nofile=${MAX_OPEN_FILES}`,
    `--fsize=${FILE_FACTOR * maxOutputBytes}`,
    `--data=${MEMORY_FACTOR * maxMemoryBytes}`,
    `--cpu=${Math.ceil((renditionTimeoutMs / 1000) * (threads + 1))}`,
  ];
  const bare = ["--no-new-privs", "--inh-caps=-all"];
  const powerless = [...bare, "--bounding-set=-all", "--pdeathsig=KILL"];
  const other = [`--reuid=${DECODERS.uid}`, `--regid=${DECODERS.gid}`, "--clear-groups"];
  const asOther = isRoot && (await mayLend()) ? [{ args: [...other, ...powerless], account: DECODERS }] : [];
  const apart = { what: "", name: "unshare", ways: [{ args: ["--net"] }] };
  const bounded = { what: "limits of their own", name: "prlimit", ways: [{ args: bounds }] };
  const humble = {
    what: "being without privileges",
    name: "setpriv",
    ways: [
      ...asOther,
      { args: powerless },
      { args: [...bare, "--pdeathsig=KILL"] },
      { args: ["--no-new-privs"] },
    ],
  };
  // Last, since only our own account exists in a user namespace.
  const apartAsUser = {
    what: "a network that leads nowhere",
    name: "unshare",
    ways: [{ args: ["--user", "--map-current-user", "--net"] }],
  };
  const whole = await inFull(isRoot ? [apart, bounded, humble] : [bounded, humble, apartAsUser]);
  if (whole && (await works(whole))) found = whole;
  else {
    const isApart = isRoot && (await add(apart));
    await add(bounded);
    await add(humble);
    if (!isApart) await add(apartAsUser);
  }
  if (isRoot && !found.account)
    lack(
      "a user of their own (start Douya as an ordinary user, or from folders that other users may read, with CAP_CHOWN, CAP_KILL, CAP_SETGID and CAP_SETUID)",
    );
  return found;
}

interface Means {
  /** What decoders lack if no variant works; "": another means replaces it. */
  what: string;
  /** The program of each means. */
  name: string;
  ways: Way[];
}

interface Way {
  args: string[];
  account?: Account;
}

async function mayLend(): Promise<boolean> {
  const status = await readFile("/proc/self/status", "latin1").catch(() => "");
  const held = BigInt(`0x${/^CapEff:\t([0-9a-f]{1,32})$/m.exec(status)?.[1] ?? "0"}`);
  return [CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID].every((capability) => held & (1n << capability));
}

/** The path of a program, or undefined. */
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
