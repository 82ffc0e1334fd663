import { access, constants, readFile } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import type { MediaLimits } from "./media-limits.ts";

/**
 * How decoders are kept from what they need not touch, since a strange file may take one over: no network, no
 * privileges nor a way to any, an account of their own, limits of their own, and an end with this process.
 */
export interface Confinement {
  /** Comes before a program and its arguments. */
  readonly prefix: readonly string[];
  /** The account that the prefix changes to, which may open nothing of ours. null: it keeps our own. */
  readonly account: Account | null;
  /** What this system does not let us have, for `douya doctor`. */
  readonly lacks: readonly string[];
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const UNCONFINED: Confinement = { prefix: [], account: null, lacks: [] };

/** Nobody's, and not `nobody` either: that is who PostgreSQL may run as, with all our data. */
const DECODERS: Account = { uid: 65533, gid: 65533 };
const MAX_OPEN_FILES = 256;
/** The resident part is watched more closely: this is for what grows between two looks. */
const MEMORY_FACTOR = 2;
/** Sources may be larger than what is made of them, and a copy of one is needed at times. */
const FILE_FACTOR = 4;
/** What root needs to change to another account, to lend it files and to end it (capability.h). */
const [CAP_CHOWN, CAP_KILL, CAP_SETGID, CAP_SETUID] = [0n, 5n, 6n, 7n];

/**
 * Tries all means at once, and each alone where that does not work; `attempt` has a decoder do some work behind them,
 * and rejects when it cannot.
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

  /** The first way of each; undefined when a program is missing. */
  async function inFull(means: Means[]): Promise<Confinement | undefined> {
    let all: Confinement = UNCONFINED;
    for (const { name, ways } of means) {
      const program = await findProgram(name, options.searchPath);
      if (!program) return undefined;
      all = behind(all, program, ways[0]!);
    }
    return all;
  }

  /** Takes the first way that works, behind what was found before. */
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
  // Last, since only our own account is left in a namespace of users.
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
  /** What decoders do without where none of the ways works; "": another means takes its place. */
  what: string;
  /** Of its program. */
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
