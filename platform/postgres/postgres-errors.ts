import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { isDiskFull } from "#platform/errors/disk-full.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { quotedForShell } from "./shell-quote.ts";

/** What a first start needs, and a later one to continue writing. */
const neededMegabytes = 200;

/** Turns an error in or around `dir`, which belongs to the data folder `home`, into a sentence for the operator. */
export function folderError(error: unknown, dir: string, home = dirname(dir)): DomainError {
  if (error instanceof DomainError) return error;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  const says = (...signs: string[]) => signs.some((sign) => code === sign || message.includes(sign));
  if (isDiskFull(error) || says("Check free disk space", "wrote only")) return noRoom(home);
  if (says("ENOTEMPTY", "EEXIST", "ENOTDIR")) return refusal("DATA_FOLDER_TAKEN", { dir });
  if (says("EROFS", "Read-only file system"))
    return notWritable(`${dir} is on a file system that is mounted read-only. Mount it for writing`);
  const takesNone = code === "ENOENT" && ["mkdir", "open"].includes(syscall ?? "");
  if (takesNone || says("EACCES", "EPERM", "Permission denied", "wrong ownership")) {
    const [uid, gid] = [process.geteuid?.(), process.getegid?.()];
    if (uid === 0 || takesNone || uid === undefined)
      return notWritable(`The system does not let this account write to ${dir}. Allow it to`);
    const folder = quotedForShell(home);
    return notWritable(
      `User ${uid} cannot use ${dir}. Start as the owner of the data, or hand them over: ` +
        `sudo mkdir -p ${folder} && sudo chown -R ${uid}:${gid} ${folder}`,
    );
  }
  if (says("could not look up effective user ID"))
    return refusal("ACCOUNT_WITHOUT_NAME", { uid: String(process.getuid?.()) });
  if (code === "ENOENT" && syscall?.startsWith("spawn")) return refusal("POSTGRES_BINARIES_UNUSABLE");
  const lines = message.trim().split("\n");
  const fatal = lines.filter((line) => /FATAL|PANIC|error:/.test(line));
  const said = (fatal.length > 0 ? fatal : lines).join("\n");
  return refusal("POSTGRES_DID_NOT_START", { said });
}

function notWritable(what: string): DomainError {
  return refusal("DATA_FOLDER_NOT_WRITABLE", { what });
}

/** The refusal to start on a full disk. */
export function noRoom(home: string): DomainError {
  let free = "";
  try {
    const { bavail, bsize } = statfsSync(home);
    free = ` (${Math.floor((bavail * bsize) / 2 ** 20)} MB free)`;
  } catch {
    // Then without the number.
  }
  return refusal(
    "DISK_FULL",
    `The disk under ${home} is full${free}. Free at least ${neededMegabytes} MB there and start again.`,
  );
}
