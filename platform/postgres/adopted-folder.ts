import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { refusal } from "../errors/reasons.ts";
import { DATABASE } from "./embedded-postgres.ts";
import { findPostgresBinaries } from "./postgres-binaries.ts";
import { PASSWORD_FILE, SUPERUSER } from "./postgres-folder.ts";
import { mendFolder } from "./restored-folder.ts";
import { chooseAccount, commandAs } from "./run-as.ts";

/** Recovery replays the WAL of a backup. */
const TIMEOUT_MS = 3_600_000;
/** Of the server it was taken from; the file for settings by SQL counts more than any other. */
const LEFT = ["postgresql.auto.conf", "standby.signal", "recovery.signal"];
const ACCESS = `local all all scram-sha-256
local replication all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
`;

/**
 * Makes a base backup of another PostgreSQL 18 at `dir` one that startEmbeddedPostgres starts: its settings, its superuser
 * and its name for the database, which was `database` there. May be repeated. Error: POSTGRES_DID_NOT_START.
 */
export async function adoptFolder(dir: string, database: string): Promise<void> {
  const password = randomBytes(24).toString("base64url");
  for (const name of LEFT) await rm(join(dir, name), { force: true });
  const files = {
    "postgresql.conf": "",
    "pg_hba.conf": ACCESS,
    "pg_ident.conf": "",
    [PASSWORD_FILE]: `${password}\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
  const account = await chooseAccount(dir);
  await mendFolder(dir, account);
  const binaries = await findPostgresBinaries();
  const command = await commandAs(
    account,
    binaries.postgres,
    ["--single", "-D", dir, "-c", "scram_iterations=1", "postgres"],
    [binaries.root, dir],
  );
  const quoted = `"${database.replaceAll('"', '""')}"`;
  const statements = [
    `do $$ begin if not exists (select from pg_roles where rolname = '${SUPERUSER}') then create role ${SUPERUSER}; end if; end $$`,
    `alter role ${SUPERUSER} with superuser login password '${password}' valid until 'infinity'`,
    `alter role ${SUPERUSER} reset all`,
    ...(database === DATABASE
      ? []
      : [
          // Another one may have that name there.
          `do $$ begin if exists (select from pg_database where datname = '${DATABASE}') then alter database ${DATABASE} rename to ${DATABASE}_other; end if; end $$`,
          `alter database ${quoted} rename to ${DATABASE}`,
        ]),
  ];
  const child = spawn(command.file, command.args, {
    ...command.options,
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
    stdio: ["pipe", "ignore", "pipe"],
    timeout: TIMEOUT_MS,
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-4_000);
  });
  // It may have ended before it read them, and says why.
  child.stdin.on("error", () => {});
  child.stdin.end(`${statements.join("\n")}\n`);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  // Statements that fail do not end it.
  const failed = complaint.split("\n").filter((line) => /ERROR|FATAL|PANIC/.test(line));
  if (code !== 0 || failed.length > 0)
    throw refusal("POSTGRES_DID_NOT_START", { said: failed.join("; ") || complaint });
}
