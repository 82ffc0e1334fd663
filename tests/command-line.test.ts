import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clusterSecret } from "#apps/server/cluster-secret.ts";
import { readConfig } from "#apps/server/config.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { startProgram } from "./harness/program.ts";
import { within } from "./harness/within.ts";

async function run(args: string[], env: Record<string, string> = {}) {
  const program = startProgram(args, env);
  const { code } = await within(program.ended, () => `douya ${args.join(" ")} does not end`).finally(() =>
    program.kill(),
  );
  // All its output is for people.
  expect(program.output()).not.toMatch(/^ +at .*:\d+/m);
  return { code, answer: program.answer(), output: program.output() };
}

describe("douya on the command line", () => {
  let folder: string;
  let database: TestDatabase;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "douya-command-"));
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await database.drop();
    await rm(folder, { recursive: true, force: true });
  });

  async function query(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(sql).finally(() => client.end());
  }

  test.each([[], ["help"], ["--help"], ["-h"]])("%s lists the commands", async (...args: string[]) => {
    const { code, answer } = await run(args);
    expect(code).toBe(0);
    const lines = answer.trimEnd().split("\n").slice(2);
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) expect(line).toMatch(/^ {2}[a-z-]+ {2,}\S/);
  });

  test.each(["version", "--version", "-v"])("%s tells which version this is", async (name) => {
    const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
    const { code, answer } = await run([name]);
    expect(code).toBe(0);
    expect(answer).toBe(`douya ${version}, Node.js ${process.versions.node}\n`);
  });

  test.each(["dance", "constructor", "__proto__", ""])("there is no command %s", async (name) => {
    const { code, output } = await run([name]);
    expect(code).toBe(2);
    expect(output).toContain(`There is no command "${name}".`);
    expect(output).toContain("serve");
  });

  test("--help after a command tells its options", async () => {
    const { code, answer } = await run(["seed", "--help"]);
    expect(code).toBe(0);
    expect(answer).toMatch(/^douya seed: fills in .*\n\n {2}--users=0\n(.*\n)* {2}--password=…$/m);
    expect((await run(["moderator", "-h"])).answer).toContain("add NAME");
  });

  test("unknown options are refused", async () => {
    const { code, output } = await run(["serve", "--tarkget=all"]);
    expect(code).toBe(1);
    expect(output).toContain("--tarkget");
    expect(output).toContain("douya serve --help");
    expect((await run(["targets", "extra"])).code).toBe(1);
  });

  test("config lists every setting with its value, where it comes from, its default and its meaning", async () => {
    const file = join(folder, "douya.env");
    await writeFile(file, "DOUYA_PORT=1234\nDOUYA_HOST=::1\n");
    const env = { DOUYA_CONFIG: file, DOUYA_HOST: "0.0.0.0", DOUYA_CLUSTER_SECRET: "hush".repeat(8) };
    const { code, answer } = await run(["config"], env);
    expect(code).toBe(0);
    const settings = [...answer.matchAll(/^(DOUYA_[A-Z_]+)=(.*)\n {4}(\S.*)$/gm)];
    const names = settings.map(([, name]) => name);
    for (const name of [
      "HOST",
      "PORT",
      "DATA",
      "LIMITS",
      "DATABASE_URL",
      "SERVICES",
      "RPC_PORT",
      "LOG_LEVEL",
    ])
      expect(names).toContain(`DOUYA_${name}`);
    const settingOf = (name: string) => settings.find((setting) => setting[1] === name)![2];
    expect(settingOf("DOUYA_HOST")).toMatch(/^0\.0\.0\.0 +\(environment; default: 127\.0\.0\.1\)$/);
    expect(settingOf("DOUYA_PORT")).toMatch(/^1234 +\(file; default: 8080\)$/);
    expect(settingOf("DOUYA_DATA")).toBe("./data");
    expect(answer).not.toContain("hush");
  });

  test("a secret that could be guessed is refused with the way to make one, and not shown", async () => {
    const { code, output } = await run(["serve"], { DOUYA_CLUSTER_SECRET: "hush".repeat(7) });
    expect(code).toBe(1);
    expect(output).toMatch(
      /DOUYA_CLUSTER_SECRET=.*at least 32 bytes; make one with: openssl rand -base64 32/,
    );
    expect(output).not.toContain("hush");
    await mkdir(join(folder, "short"));
    await writeFile(join(folder, "short", "cluster-secret"), "hush\n");
    const config = { ...readConfig({}), dataDir: join(folder, "short") };
    await expect(clusterSecret(config)).rejects.toMatchObject({ reason: "SECRET_TOO_SHORT" });
    await writeFile(join(folder, "short", "cluster-secret"), `${"hush".repeat(8)}\n`);
    expect(await clusterSecret(config)).toBe("hush".repeat(8));
  });

  test.each([
    ["DOUYA_PORT", "eighty"],
    ["DOUYA_PORT", "65536"],
    ["DOUYA_LIMITS", "maybe"],
    ["DOUYA_MAX_UPLOAD_MB", "-1"],
    ["DOUYA_MAX_VIDEO_SECONDS", "0"],
    ["DOUYA_PUBLIC_URL", "example.org/path"],
    ["DOUYA_MEDIA_URL", "https://cdn.example.org/"],
    ["DOUYA_TRUST_PROXY", "true"],
    ["DOUYA_TRUST_PROXY", "10.0.0.0/33"],
    ["DOUYA_LOG_LEVEL", "loud"],
    ["DOUYA_TZ", "Mars/Olympus"],
  ])("%s=%s is found by config, and by serve before anything starts", async (name, value) => {
    const listed = await run(["config"], { [name]: value });
    expect(listed.code).toBe(1);
    expect(listed.answer).toMatch(new RegExp(`^${name}=${value}.*\\n.*\\n +MEND: must be .*\\.$`, "m"));
    const served = await run(["serve"], { [name]: value, DOUYA_DATA: join(folder, "never") });
    expect(served.code).toBe(1);
    expect(served.output).toMatch(
      new RegExp(`^${name}=${value} \\(from the environment\\): must be .*\\.$`, "m"),
    );
  });

  test("a configuration file that does not exist is named", async () => {
    const { code, output } = await run(["config"], { DOUYA_CONFIG: join(folder, "nowhere.env") });
    expect(code).toBe(1);
    expect(output).toContain("nowhere.env");
  });

  test("a setting that does not exist is named, with the one that was meant", async () => {
    const file = join(folder, "misspelt.env");
    await writeFile(file, "DOUYA_HSOT=::1\nOTHER=1\n");
    const env = { DOUYA_CONFIG: file, DOUYA_PROT: "1234" };
    const listed = await run(["config"], env);
    expect(listed.code).toBe(1);
    expect(listed.answer.match(/^MEND: .*$/gm)).toEqual([
      "MEND: DOUYA_PROT (from the environment) is not a setting. Did you mean DOUYA_PORT?",
      "MEND: DOUYA_HSOT (from the file) is not a setting. Did you mean DOUYA_HOST?",
    ]);
    const served = await run(["serve"], { ...env, DOUYA_FFMPEG: join(folder, "nowhere") });
    expect(served.output).toContain("DOUYA_PROT (from the environment) is not a setting.");
  });

  test("targets prints the modules in start order, and which each calls", async () => {
    const { code, answer } = await run(["targets"]);
    expect(code).toBe(0);
    const lines = answer
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
    const at = (name: string) => lines.findIndex((line) => line.split(" ")[0] === name);
    expect(lines[at("user")]).toBe("user");
    expect(lines[at("feed")]).toContain("video");
    expect(lines[at("gateway")]).toMatch(/→ .*user.*video.*feed/);
    for (const line of lines) {
      const [name, callees = ""] = line.split(/ +→ /);
      for (const callee of callees.split(", ").filter(Boolean))
        expect(at(callee), `${callee} before ${name}`).toBeLessThan(at(name!));
    }
  });

  test("serve names the target that it does not know, and the process that it cannot find", async () => {
    const env = {
      DOUYA_DATA: folder,
      DOUYA_DATABASE_URL: database.url,
      DOUYA_PORT: "0",
      DOUYA_RPC_PORT: "0",
    };
    const unknown = await run(["serve", "--target=kitchen"], env);
    expect(unknown.code).toBe(1);
    expect(unknown.output).toMatch(/There is no target "kitchen".*all, .*user/);
    const alone = await run(["serve", "--target=feed"], env);
    expect(alone.code).toBe(1);
    expect(alone.output).toMatch(/where the module \w+ runs.*DOUYA_SERVICES/);
  });

  test("commands that run with a server leave the schema to serve and migrate, and say if it is of another version", async () => {
    const fresh = await createTestDatabase();
    try {
      const env = { DOUYA_DATA: folder, DOUYA_DATABASE_URL: fresh.url };
      for (const command of [
        ...["moderator list", "doctor --recount", "rebuild hot-users"],
        ...["lag", "dead", "tail", "replay", "reset --group=x", "forget --group=x"].map(
          (one) => `events ${one}`,
        ),
      ]) {
        const { code, output } = await run(command.split(" "), env);
        expect([command, code]).toEqual([command, 1]);
        expect(output).toContain("Run: douya migrate.");
      }
      expect((await run(["migrate"], env)).answer).toContain("events 0001");
      expect((await run(["moderator", "list"], env)).answer).toContain("There is no moderator yet.");
      expect((await run(["events", "lag"], env)).answer).toContain("Nobody has consumed anything yet.");
    } finally {
      await fresh.drop();
    }
  });

  test("serve says when a database of one's own is not there", async () => {
    const env = {
      DOUYA_DATA: folder,
      DOUYA_PORT: "0",
      DOUYA_DATABASE_URL: "postgres://nobody@127.0.0.1:1/x",
    };
    const { code, output } = await run(["serve"], env);
    expect(code).toBe(1);
    expect(output).toMatch(/database/i);
  });

  test.runIf(process.platform === "linux").each(["/proc", "/proc/douya/data"])(
    "serve says at once that %s takes no data",
    async (DOUYA_DATA) => {
      const before = (await stat("/proc")).mode;
      const { code, output } = await run(["serve"], { DOUYA_DATA, DOUYA_PORT: "0" });
      expect(code).toBe(1);
      expect(output).toMatch(
        new RegExp(`This account cannot use ${DOUYA_DATA}\\.|write to ${DOUYA_DATA}\\.`),
      );
      expect((await stat("/proc")).mode).toBe(before);
    },
  );

  test("migrate says what it does, and that it has nothing to do", async () => {
    const env = { DOUYA_DATA: folder, DOUYA_DATABASE_URL: database.url };
    const first = await run(["migrate"], env);
    expect(first).toMatchObject({ code: 0, answer: expect.stringContaining("video 0001") });
    const second = await run(["migrate"], env);
    expect(second).toMatchObject({ code: 0, answer: expect.stringContaining("up to date") });
  });

  test("doctor looks at everything and says what to mend", async () => {
    const env = { DOUYA_DATA: folder, DOUYA_DATABASE_URL: database.url };
    const unsafe = await run(["doctor"], env);
    expect(unsafe.answer).toMatch(/^MEND +Database +\S.*synchronous_commit is off/m);
    // The tests' own server gives up durability.
    await queryOnce(
      database.url,
      "do $$ begin execute format('alter database %I set synchronous_commit = on', current_database()); end $$",
    );
    const well = await run(["doctor"], env);
    for (const what of ["Node.js", "Memory", "Database", "Jobs", "Disk", "Media"])
      expect(well.answer).toMatch(new RegExp(`^(ok|MEND) +${what} +\\S`, "m"));
    expect(well.answer).toMatch(/^ok +Database +PostgreSQL \d+/m);
    const ill = await run(["doctor"], { ...env, DOUYA_FFMPEG: join(folder, "ffmpeg") });
    expect(ill.code).toBe(1);
    expect(ill.answer).toMatch(/^MEND +Media +\S.*ffmpeg/m);
  });

  test("doctor names dead jobs, and retries them", async () => {
    const env = { DOUYA_DATA: folder, DOUYA_DATABASE_URL: database.url };
    await run(["migrate"], env);
    const values = "('deliver', '1', true, 'Error: lost')";
    await query(`insert into feed.job (kind, key, dead, last_error) values ${values}`);
    const ill = await run(["doctor"], env);
    expect(ill.code).toBe(1);
    expect(ill.answer).toMatch(/^MEND +Jobs +given up: 1 × feed\.deliver \(Error: lost\)\. .*--retry-jobs$/m);
    expect((await run(["doctor", "--retry-jobs"], env)).answer.trim()).toBe("1 to be tried again.");
    expect((await run(["doctor"], env)).answer).toMatch(/^ok +Jobs +none given up$/m);
  });

  test("doctor names groups without members that keep the log", async () => {
    const env = { DOUYA_DATA: folder, DOUYA_DATABASE_URL: database.url };
    await run(["migrate"], env);
    await query("insert into events.consumer_group values ('old.thing', '{}'), ('new.thing', '{}')");
    await query("insert into events.consumer (group_name, partition, position) values ('old.thing', 0, 0)");
    expect((await run(["doctor"], env)).answer).toMatch(/^ok +Events +none left behind, 16 partitions$/m);
    await query(
      `with alive as (
         insert into lease.process values (gen_random_uuid(), now() + interval '1 hour') returning id
       )
       insert into events.member select 'new.thing', id from alive`,
    );
    expect((await run(["doctor"], env)).answer).toMatch(
      /^MEND +Events +nobody works for old\.thing .*douya events forget --group=old\.thing$/m,
    );
    expect((await run(["events", "forget", "--group=old.thing"], env)).code).toBe(0);
    expect((await run(["doctor"], env)).answer).toMatch(/^ok +Events /m);
    await query("delete from events.member");
    await query("delete from lease.process");
  });
});
