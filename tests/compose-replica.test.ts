import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { appendFile, chmod, chown, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { chooseAccount } from "#platform/postgres/run-as.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { until } from "./harness/within.ts";

/**
 * The scripts of PostgreSQL in deploy/compose.yaml, with a whole PostgreSQL and without containers. `host=postgres-primary`
 * is on this machine by PGHOSTADDR.
 */
const deploy = fileURLToPath(new URL("../deploy/", import.meta.url));
const { services } = parse(readFileSync(join(deploy, "compose.yaml"), "utf8"), { merge: true });
const programs = ["initdb", "pg_basebackup", "pg_ctl", "postgres", "psql"];
const bin = binFolder();
const run = promisify(execFile);
const password = "a password";

/** Where all programs of one version are: Debian keeps them away from the PATH. */
function binFolder(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).map((one) => join(debian, one, "bin")) : [];
  const folders = [...versions, ...(process.env.PATH ?? "").split(delimiter)];
  return folders.find((folder) => programs.every((program) => existsSync(join(folder, program))));
}

let folder: string;
let account: { uid?: number; gid?: number } = {};
let ports: { primary: number; replica: number };
const started: ChildProcess[] = [];

beforeEach((context) => {
  if (bin) return;
  context.task.meta.lacks = "a whole PostgreSQL";
  context.skip(`needs ${programs.join(", ")} in one folder`);
});
beforeAll(async () => {
  if (!bin) return;
  folder = await mkdtemp(join(tmpdir(), "douya-compose-"));
  const [primary, replica] = (await freePorts(2)) as [number, number];
  ports = { primary, replica };
  account = (await chooseAccount(folder)) ?? {};
  await chmod(folder, 0o755);
  for (const name of ["primary", "replica"]) {
    await mkdir(join(folder, name));
    // The checkout may be closed to the account.
    const script = `postgres-${name}.sh`;
    await copyFile(join(deploy, "engines", script), join(folder, script));
    if (account.uid !== undefined) await chown(join(folder, name), account.uid, account.gid!);
  }
});
afterAll(async () => {
  for (const child of started) await end(child, "SIGQUIT");
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** As in the image. */
const dataOf = (name: "primary" | "replica") => join(folder, name, "18", "docker");

function optionsFor(name: "primary" | "replica") {
  const env = {
    PATH: `${bin}${delimiter}${process.env.PATH}`,
    PGDATA: dataOf(name),
    PGHOSTADDR: "127.0.0.1",
    PGPORT: String(ports.primary),
    PGPASSWORD: password,
    POSTGRES_PASSWORD: password,
  };
  return { env, cwd: join(folder, name), ...account };
}

/** What a service of the compose file runs, at a port of its own. */
function start(name: "primary" | "replica", file: string): ChildProcess {
  const [first, ...rest] = services[`postgres-${name}`].command as string[];
  const args = (first === "postgres" ? rest : [first!, ...rest]).concat(
    ...["-c", `port=${ports[name]}`, "-c", `unix_socket_directories=${join(folder, name)}`],
    ...["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"],
  );
  const child = spawn(file, args, {
    ...optionsFor(name),
    // A group of its own, as a container has.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
    });
  child.once("exit", (code) => code && process.stderr.write(output));
  started.push(child);
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill(signal);
  await gone;
}

async function query(name: "primary" | "replica", text: string): Promise<string> {
  const { env, ...rest } = optionsFor(name);
  const { stdout } = await run("psql", ["-U", "douya", "-d", "douya", "-Atqc", text], {
    ...rest,
    env: { ...env, PGPORT: String(ports[name]) },
    timeout: patienceMs,
  });
  return stdout.trim();
}

/** By the check of the compose file. */
async function isHealthy(): Promise<boolean> {
  const [, check] = services["postgres-replica"].healthcheck.test as [string, string];
  const { env, ...rest } = optionsFor("replica");
  const own = { ...env, PGPORT: String(ports.replica) };
  return run("sh", ["-c", check], { ...rest, env: own }).then(
    () => true,
    () => false,
  );
}

const startReplica = () => start("replica", join(folder, "postgres-replica.sh"));
let replica: ChildProcess;

/** As a container that is stopped and starts again. */
async function restartReplica(): Promise<void> {
  await end(replica, "SIGINT");
  replica = startReplica();
}
const healthy = (what: string) => until(what, isHealthy);
const has = (value: number) => async () =>
  (await query("replica", `select count(*) from kept where n = ${value}`)) === "1";

test("the replica is a copy of the primary, follows it, and comes back from each trouble", async () => {
  const first = optionsFor("primary");
  const passwordFile = join(folder, "primary", "password");
  await writeFile(passwordFile, password, { mode: 0o644 });
  // As the image makes it.
  await run(
    "initdb",
    ["-U", "douya", `--pwfile=${passwordFile}`, "--auth-local=trust", "--auth-host=scram-sha-256"],
    first,
  );
  await appendFile(join(dataOf("primary"), "pg_hba.conf"), "host all all all scram-sha-256\n");
  let primary = start("primary", "postgres");
  const isUp = () =>
    run("psql", ["-U", "douya", "-d", "postgres", "-Atqc", "select 1"], first).then(
      () => true,
      () => false,
    );
  await until("the primary is up", isUp);
  await run("psql", ["-U", "douya", "-d", "postgres", "-qc", "create database douya"], first);
  await run("sh", [join(folder, "postgres-primary.sh")], first);
  await end(primary, "SIGINT");

  // It waits for a primary that is not up yet.
  replica = startReplica();
  primary = start("primary", "postgres");
  await healthy("it follows");
  await query("primary", "create table kept (n int); insert into kept values (1)");
  await until("the row is there", has(1));
  expect(await query("primary", "select sync_state from pg_stat_replication")).toBe("quorum");

  await restartReplica();
  await healthy("it follows after a restart");

  // Killed in the middle of a copy.
  await end(replica, "SIGINT");
  await rm(dataOf("replica"), { recursive: true });
  replica = startReplica();
  const copied = ["", ".new"].map((suffix) => join(`${dataOf("replica")}${suffix}`, "PG_VERSION"));
  await until("a part is copied", () => copied.some((file) => existsSync(file)), 1);
  const killed = once(replica, "exit");
  process.kill(-replica.pid!, "SIGKILL");
  await killed;
  replica = startReplica();
  await healthy("it is copied from the beginning");
  await until("the row is there again", has(1));

  // Away for too long.
  await end(replica, "SIGINT");
  await until("nobody uses the slot", async () => {
    await query("primary", "select pg_drop_replication_slot('replica')");
    return true;
  });
  replica = startReplica();
  await healthy("it has another slot");
  await query("primary", "insert into kept values (2)");
  await until("what is new is there", has(2));

  await end(primary, "SIGQUIT");
  await until("it follows nobody", async () => !(await isHealthy()));
  await restartReplica();
  await until("it starts while the primary is away", has(2));

  await run("pg_ctl", ["promote", "-D", dataOf("replica")], optionsFor("replica"));
  await healthy("it is promoted");
  await query("replica", "insert into kept values (3)");
  // Not even if the old one is there.
  primary = start("primary", "postgres");
  await until("the old one is up", isUp);
  await restartReplica();
  await healthy("it goes on as the primary");
  expect(await query("replica", "select string_agg(n::text, ' ' order by n) from kept")).toBe("1 2 3");
  expect(await query("replica", "select pg_is_in_recovery()")).toBe("f");
});
