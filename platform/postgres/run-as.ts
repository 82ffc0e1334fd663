import type { Stats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { refusal } from "../errors/reasons.ts";

export type Account = { uid: number; gid: number };
export type Command = { file: string; args: string[]; options: { uid?: number; gid?: number } };

const NOBODY: Account = { uid: 65534, gid: 65534 };

/**
 * The account for PostgreSQL, which refuses to run as root; undefined: our own. Root uses the owner of the existing
 * data, or of the folder around it, so that the data stay usable without root; `nobody` if that is root.
 */
export async function chooseAccount(dir: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const data = await stat(dir).catch(() => undefined);
  if (data && data.uid !== 0) return { uid: data.uid, gid: data.gid };
  const passwd = (await readFile("/etc/passwd", "utf8").catch(() => ""))
    .split("\n")
    .map((line) => line.split(":"));
  const around = await stat(dirname(dir)).catch(() => undefined);
  // initdb refuses an account without a name.
  if (around && around.uid !== 0 && passwd.some((entry) => entry[2] === String(around.uid)))
    return { uid: around.uid, gid: around.gid };
  const nobody = passwd.find((entry) => entry[0] === "nobody");
  return nobody ? { uid: Number(nobody[2]), gid: Number(nobody[3]) } : NOBODY;
}

/**
 * How to run `program` as `account`. `paths` are the folders it must reach. If one of them is below a folder closed
 * to that account (a checkout in /root), the program keeps the one capability that lets it pass, and no other.
 * Errors: `ROOT_CANNOT_LEND_ACCESS`.
 */
export async function commandAs(
  account: Account | undefined,
  program: string,
  args: string[],
  paths: string[],
): Promise<Command> {
  if (!account) return { file: program, args, options: {} };
  const closed = await findClosed(paths, account);
  if (!closed) return { file: program, args, options: { ...account } };
  const setpriv = await findSetpriv();
  const capability = await heldCapability();
  if (!setpriv || !capability)
    throw refusal("ROOT_CANNOT_LEND_ACCESS", {
      uid: account.uid,
      closed,
      otherwise: setpriv ? "allow CAP_DAC_OVERRIDE and CAP_SETPCAP" : "install setpriv (util-linux)",
    });
  return {
    file: setpriv,
    args: [
      // Without this securebit access(2), which PostgreSQL uses to check its own programs, ignores capabilities.
      "--securebits=+no_setuid_fixup",
      `--reuid=${account.uid}`,
      `--regid=${account.gid}`,
      "--clear-groups",
      `--inh-caps=-all,+${capability}`,
      `--ambient-caps=-all,+${capability}`,
      "--",
      program,
      ...args,
    ],
    options: {},
  };
}

async function findClosed(paths: string[], account: Account): Promise<string | undefined> {
  for (const path of paths)
    for (let folder = path; ; folder = dirname(folder)) {
      if (!canEnter(await stat(folder), account)) return folder;
      if (folder === dirname(folder)) break;
    }
  return undefined;
}

function canEnter(folder: Stats, account: Account): boolean {
  if (folder.uid === account.uid) return (folder.mode & 0o100) !== 0;
  if (folder.gid === account.gid) return (folder.mode & 0o010) !== 0;
  return (folder.mode & 0o001) !== 0;
}

/** Whether root can let an unprivileged program pass folders that are closed to its account. */
export async function canLendAccess(): Promise<boolean> {
  return (await findSetpriv()) !== undefined && (await heldCapability()) !== undefined;
}

async function findSetpriv(): Promise<string | undefined> {
  for (const path of ["/usr/bin/setpriv", "/bin/setpriv", "/usr/local/bin/setpriv"])
    if (await stat(path).catch(() => undefined)) return path;
  return undefined;
}

/** The weaker of the two capabilities that pass closed folders; containers often have only the stronger. */
async function heldCapability(): Promise<"dac_read_search" | "dac_override" | undefined> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const held = BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  // CAP_SETPCAP: setpriv needs it for the securebit.
  if (!(held & (1n << 8n))) return undefined;
  if (held & (1n << 2n)) return "dac_read_search";
  if (held & (1n << 1n)) return "dac_override";
  return undefined;
}
