import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type PrivatePostgres, startPrivatePostgres } from "#platform/testing/private-postgres.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { freshClip } from "./harness/clips.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { body, type Page, type Schemas } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { scenario, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const everyModule = ["user", "relation", "video", "interaction", "message", "feed", "playback", "moderation"];

async function schemasOf(url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query("select nspname as name from pg_namespace order by nspname");
    return rows.map(({ name }) => name).filter((name) => everyModule.includes(name));
  } finally {
    await client.end();
  }
}

// The main database has no module's tables here, so a statement that crosses schemas fails.
describe.each(["all", "split"] as const)("every module in a database of its own, %s", (shape) => {
  const server = scenario(shape, { ownDatabases: everyModule });

  async function douya(...args: string[]): Promise<string> {
    const settings = everyModule.map((module) => [
      `DOUYA_DATABASE_URL_${module.toUpperCase()}`,
      server.deployment.databaseUrlOf(module),
    ]);
    const { dataDir, databaseUrl } = server.deployment;
    const env = { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl, ...Object.fromEntries(settings) };
    const program = startProgram(args, env);
    const { code } = await program.ended;
    expect(code, program.output()).toBe(0);
    return program.output();
  }

  test("each has its tables there and nowhere else", async () => {
    expect(await schemasOf(server.deployment.databaseUrl)).toEqual([]);
    for (const module of everyModule)
      expect(await schemasOf(server.deployment.databaseUrlOf(module))).toEqual([module]);
  });

  test("events of one have their effect in the others, and kept pages are exact", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    const { id } = await ada.publish(freshClip(), "In another database");
    await ada.settled(id);
    expect((await ben.put(`/users/${ada.id}/follow`)).status).toBe(204);
    const page = async () =>
      body(await ben.get<Page<Schemas["Video"]>>("/feed/following")).items.find((video) => video.id === id);
    await until("the video is delivered", async () => (await page()) !== undefined);
    for (let i = 0; i < 5; i++) {
      expect((await ben.put(`/videos/${id}/like`)).status).toBe(204);
      expect(await page()).toMatchObject({ counts: { likes: 1 }, reaction: "like" });
      expect((await ben.delete(`/videos/${id}/like`)).status).toBe(204);
      expect(await page()).toMatchObject({ counts: { likes: 0 }, reaction: null });
    }
    expect((await ada.patch("/me", { json: { name: "Ada L." } })).status).toBe(200);
    expect(await page()).toMatchObject({ author: { name: "Ada L." } });
    expect((await ada.delete(`/videos/${id}`)).status).toBe(204);
    expect(await page()).toBeUndefined();
  });

  test("the commands look at all of them", async () => {
    const counts = await douya("doctor", "--recount");
    expect(counts).not.toMatch(/DRIFT/);
    for (const module of ["relation", "video", "interaction", "message"])
      expect(counts).toMatch(new RegExp(`^ok +${module} `, "m"));
    expect(await douya("events", "lag")).toMatch(/feed\.inbox/);
    expect(await douya("events", "tail", "--limit=200")).toMatch(/^relation \d+ .* relation\.followed\.v1/m);
    expect(await douya("security-log")).toMatch(/registered {2}of "person-/);
    expect(await douya("rebuild", "inboxes")).toMatch(/rebuilt/);
    const ready = await fetch(`${server.origin}/readyz`);
    expect(await ready.json()).toMatchObject({ ready: true });
    const metrics = await (await fetch(`${server.origin}/metrics`)).text();
    expect(metrics).toMatch(/douya_database_connections\{database="feed"\} \d/);
    expect(metrics).toMatch(/douya_events_members\{group="feed\.inbox"\} \d/);
  });
});

describe("while the database of a module is away", () => {
  let second: PrivatePostgres;
  let deployment: Deployment;
  const server = scenarioOf(() => deployment);
  beforeAll(async () => {
    second = await startPrivatePostgres();
    deployment = await deploy("all", { ownDatabases: { interaction: second.url } });
  });
  afterAll(async () => {
    await deployment?.remove();
    await second?.remove();
  });

  test("what does not need it works, also in a process that starts, and all of it once it is back", async () => {
    const ada = await server.register();
    const { id } = await ada.publish(freshClip(), "Without its counts");
    await ada.settled(id);
    const shown = async () =>
      body(await ada.get<Page<Schemas["Video"]>>("/feed")).items.find((video) => video.id === id);
    const rename = async (name: string) => {
      expect((await ada.patch("/me", { json: { name } })).status).toBe(200);
      expect(await shown()).toMatchObject({ author: { name } });
    };
    const like = () => ada.put(`/videos/${id}/like`);
    expect((await like()).status).toBe(204);
    await rename("Ada, before");
    await second.kill();
    for (let i = 0; i < 3; i++) await rename(`Ada ${i}`);
    expect(await like()).toMatchObject({ status: 503, body: { reason: "DATABASE_UNAVAILABLE" } });

    await deployment.programOf("gateway").kill();
    await deployment.restart("gateway");
    await rename("Ada, after a start");
    expect(await like()).toMatchObject({ status: 503, body: { reason: "DATABASE_UNAVAILABLE" } });

    await second.restart();
    await until("the module works", async () => (await ada.delete(`/videos/${id}/like`)).status === 204);
    for (const likes of [1, 0, 1]) {
      await (likes ? like() : ada.delete(`/videos/${id}/like`));
      await until("counts are asked for again", async () => (await shown())?.counts.likes === likes);
    }
    const ready = await fetch(`${server.origin}/readyz`);
    expect(await ready.json()).toMatchObject({ ready: true });
  });
});

describe("a database that cannot be a module's", () => {
  let dataDir: string;
  let main: TestDatabase;
  let second: TestDatabase;
  const programs: Program[] = [];
  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "douya-placement-"));
    [main, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  });
  afterAll(async () => {
    await Promise.all(programs.map((program) => program.stop()));
    await Promise.all([main, second].map((database) => database.drop()));
    await rm(dataDir, { recursive: true, force: true });
  });

  async function migrate(env: Record<string, string>): Promise<string> {
    const program = startProgram(["migrate"], {
      DOUYA_DATA: dataDir,
      DOUYA_DATABASE_URL: main.url,
      ...env,
    });
    programs.push(program);
    await program.ended;
    return program.output();
  }

  test("is the one of all, of another module, of another installation, or has nothing of what is there", async () => {
    expect(await migrate({ DOUYA_DATABASE_URL_FEED: "http://x" })).toMatch(/must begin with postgres:/);
    expect(await migrate({ DOUYA_DATABASE_URL_FEED: second.url })).toMatch(/^feed: feed 0001/m);
    // Where a module is, is remembered.
    expect(await migrate({})).toMatch(/^Nothing to do/);
    expect(await schemasOf(main.url)).not.toContain("feed");
    expect(await migrate({ DOUYA_DATABASE_URL_USER: second.url })).toMatch(/the data of|MODULE|are in/);
    const fresh = await createTestDatabase();
    try {
      const elsewhere = { DOUYA_DATABASE_URL: fresh.url };
      expect(await migrate({ ...elsewhere, DOUYA_DATABASE_URL_FEED: second.url })).toMatch(
        /^DOUYA_DATABASE_URL_FEED names a database with the data of another installation/m,
      );
      expect(await migrate({ ...elsewhere, DOUYA_DATABASE_URL_FEED: fresh.url })).toMatch(
        /^DOUYA_DATABASE_URL_FEED names the database of the other modules/m,
      );
      expect(await migrate({ DOUYA_DATABASE_URL: second.url })).toMatch(
        /^DOUYA_DATABASE_URL names the database of the module feed/m,
      );
    } finally {
      await fresh.drop();
    }
    const another = await createTestDatabase();
    try {
      expect(await migrate({ DOUYA_DATABASE_URL_FEED: another.url })).toMatch(
        /^DOUYA_DATABASE_URL_FEED names a database that has none of the data of feed/m,
      );
      expect(await migrate({ DOUYA_DATABASE_URL_USER: another.url })).toMatch(
        /none of the data of user: these are in the database of the other modules/,
      );
    } finally {
      await another.drop();
    }
    expect(await migrate({ DOUYA_DATABASE_URL_FEED: "postgres://u@127.0.0.1:1/x" })).toMatch(
      /^The database of the module feed cannot be reached: .*ECONNREFUSED/m,
    );
    expect(await migrate({ DOUYA_CLUSTER_SECRET: "x".repeat(40) })).toMatch(
      /^The address of the database of feed is encrypted with another DOUYA_CLUSTER_SECRET/m,
    );
  });
});
