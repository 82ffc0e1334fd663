import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "#apps/server/config.ts";
import { openDatabases } from "#apps/server/open-databases.ts";
import { groupsBehind } from "#platform/events/admin/behind.ts";
import { createLog } from "#platform/observe/log.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { body, type Page, type Schemas } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const kills = 5;
const strangers = 30_000;

describe("a module is moved into a database of its own while everything is stopped", () => {
  const random = randomOf(testSeed("moves that are killed"));
  let deployment: Deployment;
  let own: TestDatabase;
  let ada: Person;
  let ben: Person;
  const programs: Program[] = [];
  const server = scenarioOf(() => deployment);

  beforeAll(async () => {
    deployment = await deploy("all");
    own = await createTestDatabase();
    [ada, ben] = [await server.register(), await server.register()];
    expect((await ada.put(`/users/${ben.id}/follow`)).status).toBe(204);
    await queryOnce(
      deployment.databaseUrl,
      "insert into relation.follow (follower_id, followee_id, id) select 7, n, n from generate_series(1000, $1::int) n",
      [999 + strangers],
    );
  });
  afterAll(async () => {
    await Promise.all(programs.map((program) => program.stop()));
    await deployment?.remove();
    await own?.drop();
  });

  const stopAll = () => Promise.all(deployment.programs().map((program) => program.stop()));
  const startAll = () => deployment.restart("gateway");
  /** A process that is stopped right after its start may have handled nothing yet. */
  const handled = () =>
    until("nothing is left to handle", async () => {
      const pools = [deployment.databaseUrl, own.url].map(
        (url) => new pg.Pool({ connectionString: url, max: 1 }),
      );
      try {
        return (await groupsBehind(pools)).length === 0;
      } finally {
        await Promise.all(pools.map((pool) => pool.end()));
      }
    });

  function start(...args: string[]): Program {
    const { dataDir, databaseUrl } = deployment;
    const program = startProgram(["database", ...args], {
      DOUYA_DATA: dataDir,
      DOUYA_DATABASE_URL: databaseUrl,
    });
    programs.push(program);
    return program;
  }
  async function run(...args: string[]): Promise<string> {
    const program = start(...args);
    await program.ended;
    return program.output();
  }
  const move = () => start("move", "relation", `--to=${own.url}`);
  const followsIn = (url: string) =>
    queryOnce(url, "select count(*)::int as count, sum(id) as ids from relation.follow");
  const schemasIn = async (url: string) =>
    (await queryOnce(url, "select nspname from pg_namespace where nspname like 'relation%'")).map(
      ({ nspname }) => nspname,
    );

  test("not into a database that belongs to somebody", async () => {
    expect(await run("move", "nobody", `--to=${own.url}`)).toMatch(/^Say: database move MODULE/m);
    await stopAll();
    expect(await run("move", "relation", "--to=postgres://u@127.0.0.1:1/x")).toMatch(
      /cannot be reached: .*ECONNREFUSED/,
    );
    expect(await run("move", "relation", `--to=${deployment.databaseUrl}`)).toMatch(
      /^--to names the database of the other modules/m,
    );
    expect(await run("move", "relation", "--confirm")).toMatch(/^relation is in the main database/m);
    expect(await schemasIn(deployment.databaseUrl)).toEqual(["relation"]);
  });

  test("nor while a process starts, which may have read where modules are", async () => {
    await stopAll();
    const { dataDir, databaseUrl } = deployment;
    const env = { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl };
    const databases = await openDatabases(readConfig(env), createLog("silent"));
    try {
      let moving: Program | undefined;
      await databases.migrateAndLease([], async () => {
        moving = move();
        await until("the move waits", async () => {
          const waiting = `select from pg_locks where locktype = 'advisory' and not granted and mode = 'ExclusiveLock'
            and database = (select oid from pg_database where datname = current_database())`;
          return (await queryOnce(databaseUrl, waiting)).length > 0;
        });
        await databases.main.pool.query(
          "insert into lease.process (id, expires_at) values (gen_random_uuid(), now() + interval '1 hour')",
        );
      });
      await moving!.ended;
      expect(moving!.output()).toMatch(/^1 processes work with the data/m);
    } finally {
      await databases.main.pool.query("delete from lease.process");
      await databases.close();
    }
    expect(await schemasIn(databaseUrl)).toEqual(["relation"]);
  });

  test("whole, however often the command is killed and repeated", async () => {
    const before = await followsIn(deployment.databaseUrl);
    expect(before[0]!.count).toBe(strangers + 1);
    for (let i = 0; i < kills; i++) {
      const program = move();
      const passed = Math.floor(random.next() * 10);
      // Some of them end before.
      await Promise.race([program.printed(new RegExp(`${"█".repeat(passed)}.* of`)), program.ended]).catch(
        () => {},
      );
      await program.kill();
      // A commit that it has sent may still be under way.
      const sessions = `select from pg_stat_activity
        where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`;
      await until(
        "its sessions have ended",
        async () => (await queryOnce(deployment.databaseUrl, sessions)).length === 0,
      );
      if (
        await queryOnce(deployment.databaseUrl, "select from placement.module").then(
          (rows) => rows.length > 0,
        )
      )
        break;
      expect(await followsIn(deployment.databaseUrl)).toEqual(before);
    }
    const last = await run("move", "relation", `--to=${own.url}`);
    expect(last).toMatch(/^relation (is in its own database|has a database of its own already)/m);
    expect(await followsIn(own.url)).toEqual(before);
    expect(await schemasIn(deployment.databaseUrl)).toEqual(["relation_before_move"]);
    expect(await run("status")).toMatch(/^relation +in a database of its own$/m);
  });

  test("and works there, without a setting", async () => {
    await startAll();
    const following = async () =>
      body(await ada.get<Page<Schemas["User"]>>(`/users/${ada.id}/following`)).items.map(({ id }) => id);
    expect(await following()).toEqual([ben.id]);
    const eve = await server.register();
    expect((await ada.put(`/users/${eve.id}/follow`)).status).toBe(204);
    expect(await following()).toEqual([eve.id, ben.id]);
    await until("the events of the new log are handled", async () => {
      const groups = "select from events.consumer_group where group_name = 'relation.hot'";
      return (
        (await queryOnce(own.url, groups)).length === 1 &&
        (await queryOnce(deployment.databaseUrl, groups)).length === 0
      );
    });
    await handled();
    await stopAll();
  });

  test("and is not overwritten from a main database that knows nothing of it, restored from a backup, say", async () => {
    const main = deployment.databaseUrl;
    const [place] = await queryOnce<{ name: string; database: string; address: Buffer }>(
      main,
      "delete from placement.module where name = 'relation' returning *",
    );
    await queryOnce(main, "alter schema relation_before_move rename to relation");
    const before = await followsIn(own.url);
    expect(await run("move", "relation", `--to=${own.url}`)).toMatch(/are in use since .*an older backup/);
    expect(await followsIn(own.url)).toEqual(before);
    await queryOnce(main, "alter schema relation rename to relation_before_move");
    await queryOnce(main, "insert into placement.module (name, database, address) values ($1, $2, $3)", [
      place!.name,
      place!.database,
      place!.address,
    ]);
  });

  test("and is taken back with what was written since, moved again and confirmed", async () => {
    const before = await followsIn(own.url);
    expect(before[0]!.count).toBe(strangers + 2);
    await until("nothing is left to handle", async () => {
      const said = await run("move", "relation", "--back");
      if (!said.includes("Events wait for")) {
        expect(said).toMatch(/^relation is in the main database again/m);
        return true;
      }
      await startAll();
      await handled();
      await stopAll();
      return false;
    });
    expect(await followsIn(deployment.databaseUrl)).toEqual(before);
    await startAll();
    expect((await ada.delete(`/users/${ben.id}/follow`)).status).toBe(204);
    await until("events are handled", async () => {
      await stopAll();
      const said = await run("move", "relation", `--to=${own.url}`);
      if (!said.includes("Events wait for")) {
        expect(said).toMatch(/^relation is in its own database/m);
        return true;
      }
      await startAll();
      await handled();
      return false;
    });
    expect((await followsIn(own.url))[0]!.count).toBe(strangers + 1);
    expect(await run("move", "relation", "--confirm")).toMatch(
      /^What the main database had of relation is gone/m,
    );
    expect(await schemasIn(deployment.databaseUrl)).toEqual([]);
  });
});
