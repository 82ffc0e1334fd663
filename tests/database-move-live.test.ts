import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAllLag } from "#platform/events/admin/all-lag.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { body, type Page, type Schemas } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

/** So many follows of strangers, that a copy takes a moment. */
const strangers = 5_000;
const kills = 2;

describe.each(["all", "split"] as const)("a module is moved while people work with it, %s", (shape) => {
  const random = randomOf(testSeed(`a move, ${shape}`));
  let deployment: Deployment;
  let own: TestDatabase;
  let people: Person[];
  const programs: Program[] = [];
  const server = scenarioOf(() => deployment);

  beforeAll(async () => {
    // Of several processes, two run the module.
    deployment = await deploy(shape, shape === "split" ? { atTwoPlaces: "relation" } : {});
    if (shape === "split") await deployment.another("relation");
    own = await createTestDatabase();
    people = await Promise.all(Array.from({ length: 6 }, () => server.register()));
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

  function start(...args: string[]): Program {
    const { dataDir, databaseUrl } = deployment;
    const program = startProgram(["database", "move", "relation", ...args], {
      DOUYA_DATA: dataDir,
      DOUYA_DATABASE_URL: databaseUrl,
    });
    programs.push(program);
    return program;
  }

  /** Everybody follows and stops following everybody all the time. Each sees at once what they did. */
  function work() {
    const follows = new Set<string>();
    const refused: string[] = [];
    const wrong: string[] = [];
    let done = 0;
    let stopped = false;
    const acting = people.map(async (person) => {
      while (!stopped) {
        const other = random.of(people.filter((one) => one !== person));
        const pair = `${person.id} ${other.id}`;
        const follow = !follows.has(pair);
        const path = `/users/${other.id}/follow`;
        const answer = follow ? await person.put(path) : await person.delete(path);
        if (answer.status !== 204) {
          refused.push(`${answer.status} ${JSON.stringify(answer.body)}`);
          // Nothing was done: it is asked again.
          continue;
        }
        if (follow) follows.add(pair);
        else follows.delete(pair);
        const seen = await person.get<Page<Schemas["User"]>>(`/users/${person.id}/following`);
        if (seen.status !== 200) refused.push(`${seen.status} ${JSON.stringify(seen.body)}`);
        else if (seen.body.items.some(({ id }) => id === other.id) !== follow)
          wrong.push(`${pair}: ${follow}`);
        done++;
        await delay(20);
      }
    });
    return {
      done: () => done,
      refused,
      async stop() {
        stopped = true;
        await Promise.all(acting);
        expect(wrong).toEqual([]);
        return { follows, refused };
      },
    };
  }

  const followsIn = async (url: string) =>
    new Set(
      (
        await queryOnce(
          url,
          "select follower_id || ' ' || followee_id as pair from relation.follow where follower_id <> 7",
        )
      ).map(({ pair }) => pair),
    );

  /** While it copies, while it follows, while it compares, and around the switch. */
  const steps = [/relation +█/, /is copied/, /compared/, /6 of 6/];

  /** Starts the command and kills it in this step, or a moment later. */
  async function killedIn(step: RegExp, ...args: string[]): Promise<void> {
    const program = start(...args);
    await program.printed(step).catch(() => {});
    await Promise.race([delay(random.below(300)), program.ended]);
    await program.kill();
  }

  /** Follows that began and ended in turn, as the logs of both databases tell, and everybody has handled it. */
  async function eventsAgree(follows: Set<string>): Promise<void> {
    const urls = [deployment.databaseUrl, own.url];
    const logs = await Promise.all(
      urls.map((url) =>
        queryOnce<{ at: Date; position: string; key: string; follows: boolean }>(
          url,
          "select at, position, key, type = 'relation.followed.v1' as follows from events.log where type in ('relation.followed.v1', 'relation.unfollowed.v1')",
        ),
      ),
    );
    const all = logs
      .flat()
      .sort((a, b) => a.at.getTime() - b.at.getTime() || Number(a.position) - Number(b.position));
    const told = new Map<string, boolean>();
    for (const { key, follows: now } of all) {
      expect(told.get(key) ?? false, key).toBe(!now);
      told.set(key, now);
    }
    expect(new Set([...told].filter(([, now]) => now).map(([key]) => key))).toEqual(follows);
    await until("everything is handled", async () => {
      const databases = urls.map((url) => new pg.Pool({ connectionString: url, max: 1 }));
      try {
        const groups = await readAllLag(databases);
        const names = groups.map(({ group }) => group);
        expect(names).toEqual([...new Set(names)]);
        expect(groups.filter(({ deadLetters }) => deadLetters > 0)).toEqual([]);
        return groups.every(({ records }) => records === 0);
      } finally {
        await Promise.all(databases.map((database) => database.end()));
      }
    });
  }

  async function move(url: string, ...args: string[]): Promise<void> {
    const working = work();
    await until("people work", () => working.done() > 20);
    for (let i = 0; i < kills; i++) await killedIn(random.of(steps), ...args);
    const last = start(...args);
    await last.ended;
    expect(last.output()).toMatch(
      /^relation (is in its own database|has a database of its own already|is in the main database)/m,
    );
    const at = working.done();
    await until("people work there", () => {
      if (working.done() > at + 50) return true;
      throw new Error(`${working.done()} after ${at}: ${working.refused}`);
    });
    const { follows, refused } = await working.stop();
    // What was under way when its tables went.
    expect(refused.filter((answer) => !answer.includes("DATABASE_UNAVAILABLE"))).toEqual([]);
    expect(await followsIn(url)).toEqual(follows);
    for (const person of people) {
      const { counts } = body(await person.get<Schemas["User"]>(`/users/${person.id}`));
      const of = (place: number) =>
        [...follows].filter((pair) => pair.split(" ")[place] === person.id).length;
      expect(counts).toMatchObject({ following: of(0), followers: of(1) });
    }
    await eventsAgree(follows);
    // None follows anybody, as at the beginning.
    for (const pair of follows) {
      const [from, to] = pair.split(" ");
      expect((await people.find(({ id }) => id === from)!.delete(`/users/${to}/follow`)).status).toBe(204);
    }
  }

  test("out", () => move(own.url, `--to=${own.url}`));
  test("and back", () => move(deployment.databaseUrl, "--back"));

  test("a move that was left half done, to a database that is gone, keeps no process from starting", async () => {
    await queryOnce(
      deployment.databaseUrl,
      "insert into placement.move (module, database, address) values ('relation', gen_random_uuid(), '\\x00')",
    );
    await deployment.programOf("relation").kill();
    await deployment.restart("relation");
    const [one, other] = people as [Person, Person];
    expect((await one.put(`/users/${other.id}/follow`)).status).toBe(204);
    const abandon = start("--abandon");
    expect((await abandon.ended).code, abandon.output()).toBe(0);
    expect(await queryOnce(deployment.databaseUrl, "select from placement.move")).toEqual([]);
  });
});
