import { dirname } from "node:path";
import { DomainError } from "#platform/errors/domain-error.ts";

/** Turns what went wrong in or around the data folder into a sentence for the operator. */
export function folderError(error: unknown, dir: string): DomainError {
  if (error instanceof DomainError) return error;
  const { code, syscall, message } = error as NodeJS.ErrnoException;
  const says = (...signs: string[]) => signs.some((sign) => code === sign || message.includes(sign));
  if (
    says(
      "ENOSPC",
      "EDQUOT",
      "No space left on device",
      "Disk quota exceeded",
      "Check free disk space",
      "wrote only",
    )
  )
    return new DomainError(
      "unavailable",
      "DISK_FULL",
      `The disk under ${dir} is full. Free some space and start again.`,
    );
  if (says("ENOTEMPTY", "EEXIST", "ENOTDIR"))
    return new DomainError(
      "unavailable",
      "DATA_FOLDER_TAKEN",
      `${dir} holds something that is not a PostgreSQL data folder. Move it away or choose another data folder.`,
    );
  const takesNone = code === "ENOENT" && ["mkdir", "open"].includes(syscall ?? "");
  if (
    takesNone ||
    says("EACCES", "EPERM", "EROFS", "Permission denied", "Read-only file system", "wrong ownership")
  )
    return new DomainError(
      "unavailable",
      "DATA_FOLDER_NOT_WRITABLE",
      `This account cannot use ${dir}. Give it read and write access to ${dirname(dir)}, start as the owner of the ` +
        `data, or choose another data folder.`,
    );
  if (says("could not look up effective user ID"))
    return new DomainError(
      "unavailable",
      "ACCOUNT_WITHOUT_NAME",
      `PostgreSQL needs an account with a name, and number ${process.getuid?.()} has none. Add it to /etc/passwd (in a ` +
        `container, start as a user of the image), or set DOUYA_DATABASE_URL to a PostgreSQL of your own.`,
    );
  if (code === "ENOENT" && syscall?.startsWith("spawn"))
    return new DomainError(
      "unavailable",
      "POSTGRES_BINARIES_UNUSABLE",
      `The PostgreSQL that npm installed cannot run on this system (it needs glibc; Alpine has musl). ` +
        `Set DOUYA_DATABASE_URL to a PostgreSQL of your own.`,
    );
  const lines = message.trim().split("\n");
  const fatal = lines.filter((line) => /FATAL|PANIC|error:/.test(line));
  const said = (fatal.length > 0 ? fatal : lines).join("\n");
  return new DomainError("unavailable", "POSTGRES_DID_NOT_START", `PostgreSQL did not start: ${said}`);
}
