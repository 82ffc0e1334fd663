import { createHash } from "node:crypto";
import { chmod, cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Manifest } from "#platform/backup/manifest.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { type PrivatePostgres, startPrivatePostgres } from "#platform/testing/private-postgres.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { smallDisk } from "#platform/testing/small-disk.ts";
import { freshClip } from "./harness/clips.ts";
import { connectToEmbedded } from "./harness/embedded-database.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { listFiles } from "./harness/list-files.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until, within } from "./harness/within.ts";

const key = "a key of these tests, which is long enough";

describe("backups", () => {
  const server = scenario("all", { databaseUrl: "", env: { DOUYA_KEEP_SOURCES: "off" } });
  let root: string;
  let target: string;
  let people: Person[];
  let video: Schemas["Video"];
  const started: Program[] = [];
  const folder = (name: string) => join(root, name);

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "douya-backup-"));
    // The database may run as another account if this one is root.
    await chmod(root, 0o755);
    target = folder("target");
    people = await Promise.all(Array.from({ length: 3 }, () => server.register()));
    video = await people[0]!.settled((await people[0]!.publish(freshClip())).id);
  });
  afterAll(async () => {
    await Promise.all(started.map((program) => program.stop()));
    await rm(root, { recursive: true, force: true });
  });

  function douya(args: string[], more: Record<string, string> = {}): Program {
    const program = startProgram(args, {
      ...{ DOUYA_DATA: server.deployment.dataDir, DOUYA_LIMITS: "off", DOUYA_RUNGS: "none" },
      ...{ DOUYA_BACKUP_KEY: key, ...more },
    });
    started.push(program);
    return program;
  }
  async function end(args: string[], more: Record<string, string> = {}) {
    const program = douya(args, more);
    const { code } = await within(program.ended, () => `douya ${args.join(" ")}: ${program.output()}`);
    return { code, said: program.output() };
  }
  /** Of a command that succeeds. */
  async function said(...args: string[]): Promise<string> {
    const { code, said } = await end(args);
    expect([code, said]).toEqual([0, said]);
    return said;
  }
  /** Its manifest. */
  async function backUp(to = target, ...more: string[]): Promise<Manifest> {
    const [, id] = /The backup (\S+) /.exec(await said("backup", `--to=${to}`, ...more))!;
    const text = await readFile(join(to, "backups", id!, "manifest.json"), "utf8");
    return JSON.parse(text).manifest;
  }

  test("what is acknowledged before its end is in it, and what is restored serves on", async () => {
    const acknowledged: { id: string; atMs: number }[] = [];
    let stopped = false;
    const load = people.map(async (person, n) => {
      for (let i = 0; !stopped; i++) {
        const other = people[(n + 1) % people.length]!;
        await person.put(`/videos/${video.id}/like`);
        await person[i % 2 ? "put" : "delete"](`/users/${other.id}/follow`);
        await person.post(`/conversations/${other.id}/messages`, { json: { content: "hi" } });
        const asked = person.post<Schemas["Comment"]>(`/videos/${video.id}/comments`, {
          json: { text: "hm" },
        });
        acknowledged.push({ id: body(await asked, 201).id, atMs: Date.now() });
      }
    });
    // A failure of the test shall not be one of those besides.
    load.map((one) => one.catch(() => {}));
    onTestFinished(() => {
      stopped = true;
    });
    const late = people[1]!.publish(freshClip(), "published meanwhile");
    await until("the load is there", () => acknowledged.length > 10);
    const { id, databaseAt, blobs } = await backUp();
    stopped = true;
    await Promise.all(load);
    await people[1]!.settled((await late).id);
    expect(blobs).toMatchObject({ lost: 0 });
    expect(blobs.count).toBeGreaterThan(0);

    expect(await said("backup", "verify", `--from=${target}`)).toContain(`${id} is proven.`);
    expect(await said("backup", "list", `--from=${target}`)).toMatch(/; proven 2\d{3}-/);
    const epochOf = async (origin: string) =>
      body(
        await send<{ epoch: string }>("GET", `${origin}/api/v1/realtime/entries`, {
          token: people[0]!.session.accessToken,
        }),
      ).epoch;
    const epoch = await epochOf(server.origin);

    const back = folder("back");
    expect(await said("restore", `--from=${target}`, `--data=${back}`, "--dry-run")).toContain(id);
    await expect(stat(back)).rejects.toThrow("ENOENT");
    await said("restore", `--from=${target}`, `--data=${back}`);
    const origin = `http://127.0.0.1:${(await freePorts(1))[0]}`;
    const restored = douya(["serve"], { DOUYA_DATA: back, DOUYA_PORT: new URL(origin).port });
    await restored.printed(/Stop {5}Ctrl-C/);

    const due = acknowledged.filter(({ atMs }) => atMs < Date.parse(databaseAt)).map((one) => one.id);
    expect(due.length).toBeGreaterThan(5);
    const database = await connectToEmbedded(back);
    const { rows } = await database.query("select id from interaction.comment where id = any($1::int8[])", [
      due,
    ]);
    const { rows: positions } = await database.query("select last_value from events.log_position_seq");
    await database.end();
    expect(rows).toHaveLength(due.length);
    // Other databases may have seen events that this one does not know of.
    expect(Number(positions[0].last_value)).toBeGreaterThan(1_000_000_000);

    const path = (url: string) => origin + new URL(url).pathname;
    const file = Buffer.from(await (await fetch(path(video.playUrl!))).arrayBuffer());
    expect(video.playUrl).toContain(createHash("sha256").update(file).digest("hex"));
    // Sessions, and the keys that their tokens are verified with, are those of before.
    const comment = { token: people[2]!.session.accessToken, json: { text: "still here" } };
    const added = await send<Schemas["Comment"]>(
      "POST",
      `${origin}/api/v1/videos/${video.id}/comments`,
      comment,
    );
    const newest = acknowledged.map((one) => BigInt(one.id)).reduce((a, b) => (a > b ? a : b));
    expect(BigInt(body(added, 201).id)).toBeGreaterThan(newest);
    expect(await epochOf(origin)).not.toBe(epoch);
    await restored.stop();
  });

  test("files that are there are not copied again, and go with the last backup that has them", async () => {
    const to = folder("several");
    const own = await people[2]!.settled((await people[2]!.publish(freshClip())).id);
    const first = await backUp(to);
    const blobs = async () => (await listFiles(join(to, "blobs"))).map((name) => join(to, "blobs", name));
    const before = await blobs();
    const times = await Promise.all(before.map(async (path) => (await stat(path)).ctimeMs));
    expect(before).toHaveLength(first.blobs.count);
    expect((await people[2]!.delete(`/videos/${own.id}`)).status).toBe(204);
    await until("its files are gone", async () => (await fetch(own.playUrl!)).status === 404);
    const second = await backUp(to);
    expect(second.blobs.count).toBeLessThan(first.blobs.count);
    expect(await blobs()).toEqual(before);
    expect(await Promise.all(before.map(async (path) => (await stat(path)).ctimeMs))).toEqual(times);
    const third = await backUp(to, "--keep=2");
    expect((await said("backup", "list", `--from=${to}`)).match(/2\d{3}-\S+-\d{3}Z/g)).toEqual([
      second.id,
      third.id,
    ]);
    expect(await blobs()).toHaveLength(second.blobs.count);
  });

  test.each<[string, string, (dir: string) => Promise<void>, Record<string, string>?]>([
    ["damaged", "is damaged", (dir) => flip(join(dir, "postgres.gz"))],
    ["cut off", "is damaged", (dir) => truncate(join(dir, "wal.gz"), 70_000)],
    ["without a part", "it is missing", (dir) => rm(join(dir, "files.gz"))],
    ["with another part", "is damaged", (dir) => cp(join(dir, "files.gz"), join(dir, "blobs.gz"))],
    ["with a changed manifest", "it is not what was written", (dir) => change(dir, { version: "9" })],
    ["foreign", "is not the manifest of a backup", (dir) => change(dir, { kind: "other" })],
    ["of a newer format", "newer version", (dir) => change(dir, { format: 2 })],
    ["without a manifest", "no complete backup", (dir) => rm(join(dir, "manifest.json"))],
    ["read with another key", "another DOUYA_BACKUP_KEY", async () => {}, { DOUYA_BACKUP_KEY: `${key}!` }],
    ["read without a key", "is encrypted", async () => {}, { DOUYA_BACKUP_KEY: "" }],
  ])("one that is %s is refused, and nothing is restored", async (name, says, spoil, env = {}) => {
    const [from, to] = [folder(`bad ${name}`), folder(`into ${name}`)];
    await cp(target, from, { recursive: true });
    const [manifest] = (await listFiles(from)).filter((path) => path.endsWith("manifest.json"));
    await spoil(join(from, manifest!, ".."));
    const verified = await end(["backup", "verify", `--from=${from}`], env);
    expect(verified.code).toBe(1);
    expect(verified.said).toContain(says);
    const { code, said: answer } = await end(["restore", `--from=${from}`, `--data=${to}`], env);
    expect(code).toBe(1);
    expect(answer).toContain(says);
    expect(answer).not.toMatch(/^ +at .*:\d+/m);
    expect(await readdir(to).catch(() => [])).toEqual([]);
  });

  test("one of which a file is damaged is not proven, and all else of it is restored", async () => {
    const [from, to] = [folder("bad file"), folder("into bad file")];
    await cp(target, from, { recursive: true });
    const [blob] = await listFiles(join(from, "blobs"));
    await flip(join(from, "blobs", blob!));
    const verified = await end(["backup", "verify", `--from=${from}`]);
    expect([verified.code, verified.said]).toEqual([1, expect.stringContaining(`${blob} `.trim())]);
    const { code, said: answer } = await end(["restore", `--from=${from}`, `--data=${to}`]);
    expect([code, answer]).toEqual([1, expect.stringContaining("restored, but for 1 files")]);
    expect((await listFiles(join(to, "blobs"))).length).toBe(
      (await listFiles(join(from, "blobs"))).length - 1,
    );
  });

  test("one whose database a newer version has made is refused", async () => {
    const database = await connectToEmbedded(server.deployment.dataDir);
    try {
      await database.query(`insert into "user".kysely_migration values ('9999-from-the-future', '')`);
      const { id } = await backUp(folder("newer"));
      const { code, said: answer } = await end([
        "restore",
        `--from=${folder("newer")}`,
        `--data=${folder("old")}`,
      ]);
      expect([code, answer]).toEqual([
        1,
        expect.stringContaining(`The backup ${id} was taken by a newer version`),
      ]);
    } finally {
      await database.query(`delete from "user".kysely_migration where name like '9999%'`);
      await database.end();
    }
  });

  test("a folder that is in use or not empty stays as it is", async () => {
    const { dataDir } = server.deployment;
    const used = await end(["restore", `--from=${target}`, `--data=${dataDir}`]);
    expect([used.code, used.said]).toEqual([1, expect.stringContaining("is in use by")]);
    await writeFile(folder("something"), "mine");
    const taken = await end(["restore", `--from=${target}`, `--data=${root}`]);
    expect([taken.code, taken.said]).toEqual([1, expect.stringContaining("is not empty")]);
  });

  test("a place without room is refused before anything is written there", async () => {
    const disk = await smallDisk(40);
    // Only root may make one.
    if (!disk) return;
    try {
      const to = join(disk.folder, "to");
      const taken = await end(["backup", `--to=${to}`]);
      expect([taken.code, taken.said]).toEqual([
        1,
        expect.stringMatching(/MB free at .*, and \d+ MB are needed/),
      ]);
      expect(await listFiles(to)).toEqual([]);
      const restored = await end(["restore", `--from=${target}`, `--data=${join(disk.folder, "data")}`]);
      expect([restored.code, restored.said]).toEqual([1, expect.stringContaining("MB are needed")]);
      expect(await listFiles(disk.folder)).toEqual([]);
    } finally {
      await disk.remove();
    }
  });

  test("one that is killed is none, and leaves nothing for long", async () => {
    const to = folder("killed");
    const database = await connectToEmbedded(server.deployment.dataDir);
    // Of all that is written, only the manifest comes later.
    await database.query('begin; lock table "user".kysely_migration in access exclusive mode');
    const program = douya(["backup", `--to=${to}`]);
    const isWritten = (path: string) => path.endsWith("files.gz");
    await until("it is written", async () => (await listFiles(to).catch(() => [])).some(isWritten));
    await program.kill();
    await database.end();
    expect(await said("backup", "list", `--from=${to}`)).toContain("There is no backup");
    await writeFile(join(to, "blobs", "half.unfinished"), "half");
    const { blobs } = await backUp(to);
    expect(await listFiles(to)).toHaveLength(blobs.count + 5);
  });

  test("a restoration that is killed goes on, and nothing starts on half of it", async () => {
    const into = folder("twice");
    const program = douya(["restore", `--from=${target}`, `--data=${into}`]);
    await program.printed(/database +[█░]/);
    await program.kill();
    for (const args of [["serve"], ["doctor", "--recount"]]) {
      const { code, said: answer } = await end(args, { DOUYA_DATA: into, DOUYA_PORT: "0" });
      expect([code, answer]).toEqual([1, expect.stringContaining("Run the same douya restore again")]);
    }
    const other = await end(["restore", `--from=${folder("killed")}`, `--data=${into}`]);
    expect([other.code, other.said]).toEqual([1, expect.stringContaining("Go on with it")]);
    expect(await said("restore", `--from=${target}`, `--data=${into}`)).toContain("where that was begun");
    const { code, said: answer } = await end(["blobs", "verify"], { DOUYA_DATA: into });
    expect([code, answer]).toEqual([0, expect.stringContaining("all as they should be")]);
  });
});

describe("backups of a PostgreSQL of one's own", () => {
  let root: string;
  let postgres: PrivatePostgres;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "douya-own-"));
    await chmod(root, 0o755);
    postgres = await startPrivatePostgres();
  });
  afterAll(async () => {
    await postgres?.remove();
    await rm(root, { recursive: true, force: true });
  });

  test("are taken once its role may, and restored with all that is in it into a folder", async () => {
    await queryOnce(postgres.url, "create role keeper login password 'keeper'");
    await queryOnce(postgres.url, 'create database "My Douya" owner keeper');
    const url = postgres.url.replace(/\/\/[^/]+\/douya/, "//keeper:keeper@/My%20Douya");
    const [data, to, back] = ["data", "to", "back"].map((name) => join(root, name)) as [
      string,
      string,
      string,
    ];
    async function douya(args: string[], env: Record<string, string>) {
      const program = startProgram(args, env);
      const { code } = await within(program.ended, () => `douya ${args.join(" ")}: ${program.output()}`);
      return { code, said: program.output() };
    }
    const there = { DOUYA_DATA: data, DOUYA_DATABASE_URL: url };
    expect((await douya(["seed"], there)).code).toBe(0);
    expect(await douya(["backup", `--to=${to}`], there)).toEqual({
      code: 1,
      said: expect.stringContaining("alter role … replication"),
    });
    await queryOnce(postgres.url, "alter role keeper replication");
    expect((await douya(["backup", `--to=${to}`, "--verify"], there)).said).toContain("is proven.");
    // The doctor looks after them where the settings say that they are.
    const settings = { ...there, DOUYA_BACKUP_TO: to };
    expect((await douya(["doctor"], settings)).said).toMatch(
      /^ok {4}backups {3}the last one is of 2.*proven 2/m,
    );
    expect((await douya(["doctor"], { ...settings, DOUYA_BACKUP_TO: root })).said).toMatch(
      /^MEND {2}backups {3}there is none/m,
    );
    const { code, said } = await douya(["restore", `--from=${to}`, `--data=${back}`], {});
    expect([code, said]).toEqual([0, expect.stringContaining("It is restored.")]);
    const { said: verified } = await douya(["blobs", "verify"], { DOUYA_DATA: back });
    expect(verified).toMatch(/^[1-9]\d* files, \d+ MB: all as they should be/m);
  });
});

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(path, bytes);
}

async function change(dir: string, fields: object): Promise<void> {
  const path = join(dir, "manifest.json");
  const { manifest, sum } = JSON.parse(await readFile(path, "utf8"));
  await writeFile(path, JSON.stringify({ manifest: { ...manifest, ...fields }, sum }));
}
