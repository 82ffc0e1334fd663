import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, type Page, type Schemas } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { watchEnough } from "./harness/watch.ts";
import { until, within } from "./harness/within.ts";

describe.each(shapes)("douya rebuild, %s", (shape) => {
  // Callers of a killed process log the failed call.
  const server = scenario(shape, { mayLogErrors: true });
  const started: Program[] = [];
  let database: pg.Client;
  let ada: Person;
  let ben: Person;
  const expected: string[] = [];

  beforeAll(async () => {
    database = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await database.connect();
    [ada, ben] = await Promise.all([server.register(), server.register()]);
    expect((await ben.put(`/users/${ada.id}/follow`)).status).toBe(204);
    expected.unshift((await ada.settled((await ada.publish(freshClip())).id)).id);
    await until("the video to arrive", async () => (await feed()).length === 1);
  });
  afterAll(async () => {
    await database?.end();
    await Promise.all(started.map((program) => program.stop()));
  });

  const env = () => ({
    DOUYA_DATABASE_URL: server.deployment.databaseUrl,
    DOUYA_DATA: server.deployment.dataDir,
  });
  function rebuild(...words: string[]): Program {
    const program = startProgram(["rebuild", ...words], env());
    started.push(program);
    return program;
  }
  async function rebuilt(name: string): Promise<string> {
    const program = rebuild(name);
    const { code } = await within(program.ended, () => `it does not end:\n${program.output()}`);
    expect({ code, output: program.output() }).toMatchObject({ code: 0 });
    return program.output();
  }
  async function feed(): Promise<string[]> {
    const ids: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const path: string = `/feed/following?limit=50${cursor && `&cursor=${cursor}`}`;
      const page: Page<Schemas["Video"]> = body(await ben.get<Page<Schemas["Video"]>>(path));
      ids.push(...page.items.map((video) => video.id));
      cursor = page.nextCursor;
    }
    return ids;
  }
  /** Videos without an event. */
  async function copies(count: number): Promise<void> {
    const { rows } = await database.query("select max(published_ms) as ms from video.video");
    const ids = await copyVideo(
      server.deployment.databaseUrl,
      expected[0]!,
      count,
      (i) => Number(rows[0].ms) + 1 + i,
    );
    expected.unshift(...ids.reverse());
  }

  test("the ranking equals the follows again", async () => {
    const hot = async () =>
      body(
        await server.api<{ items: { user: { id: string }; won: number }[] }>("GET", "/hot-users"),
      ).items.map(({ user, won }) => [user.id, won]);
    await until("the ranking", async () => (await hot()).length === 1);
    await database.query("update relation.hot_user set won = won + 7");
    await database.query("insert into relation.hot_follow values (1, 2), ((2::int8 << 61), $1)", [ben.id]);
    expect(await hot()).toEqual([[ada.id, 8]]);
    expect(await rebuilt("hot-users")).toContain("hot-users: rebuilt in");
    expect(await hot()).toEqual([[ada.id, 1]]);
    expect((await database.query("select from relation.hot_follow")).rowCount).toBe(1);
  });

  test("rankings of videos equal the facts again", async () => {
    body(await ben.post(`/videos/${expected[0]}/shares`), 201);
    const shared = async () =>
      body(
        await server.api<{ items: { video: { id: string }; count: number }[] }>("GET", "/rankings/shared"),
      ).items.map(({ video, count }) => [video.id, count]);
    await until("the ranking", async () => (await shared()).length === 1);
    await database.query("update interaction.ranking_total set n = n + 7");
    expect(await shared()).toEqual([[expected[0], 8]]);
    expect(await rebuilt("rankings")).toContain("rankings: rebuilt in");
    expect(await shared()).toEqual([[expected[0], 1]]);
  });

  test("rankings by what is watched equal what was counted again", async () => {
    const video = body(await server.api<Schemas["Video"]>("GET", `/videos/${expected[0]}`));
    await watchEnough(server, video, ben);
    const viewed = async () =>
      body(
        await server.api<{ items: { video: { id: string }; count: number }[] }>("GET", "/rankings/viewed"),
      ).items.map(({ video, count }) => [video.id, count]);
    await until("the ranking", async () => (await viewed()).length === 1);
    await database.query("update playback.ranking_total set n = n + 7");
    expect(await viewed()).toEqual([[expected[0], 8]]);
    expect(await rebuilt("watched-rankings")).toContain("watched-rankings: rebuilt in");
    expect(await viewed()).toEqual([[expected[0], 1]]);
  });

  test("inboxes equal what is published again, whatever was missing or too much", async () => {
    await copies(250);
    await database.query("insert into feed.author_video values ($1, 5, 5, true)", [ada.id]);
    await database.query("insert into feed.inbox values ($1, 5, 5, $2)", [ben.id, ada.id]);
    expect(await feed()).toHaveLength(1);
    const output = await rebuilt("inboxes");
    expect(output).toContain("inboxes: rebuilt in");
    expect(await feed()).toEqual(expected);
    const { rowCount } = await database.query("select from feed.author_video");
    expect(rowCount).toBe(expected.length);
    expect((await database.query("select from feed.rebuild")).rowCount).toBe(0);
  });

  // That takes as long as the lease of the dead process.
  if (shape === "split")
    test("it continues where it was when its process is killed", async () => {
      await copies(700);
      await database.query("delete from feed.author_video where video_id % 2 = 0");
      await database.query("delete from feed.inbox");
      // Blocks the last third of the first step.
      await database.query("begin");
      await database.query(
        "insert into feed.author_video values ($1, (select published_ms from video.video where id = $2), $2, true) on conflict do nothing",
        [ada.id, expected[500]],
      );
      const command = rebuild("inboxes");
      const progress = async () =>
        Number((await database.query("select done from feed.rebuild")).rows[0]?.done ?? 0);
      await until("the first pages", async () => (await progress()) >= 400);
      const program = server.deployment.programOf("feed");
      await program.kill();
      await database.query("commit");
      const before = await progress();
      expect(before).toBeGreaterThanOrEqual(400);
      await server.deployment.restart("feed");
      await until("the next page", async () => {
        const [row] = (await database.query("select step, done from feed.rebuild")).rows;
        return row?.step !== "add" || Number(row.done) > before;
      });
      const { code } = await within(command.ended, () => command.output());
      expect(code).toBe(0);
      const told = [...command.output().matchAll(/(\d+) videos looked up/g)].map(([, count]) =>
        Number(count),
      );
      expect(told).toEqual([...told].sort((a, b) => a - b));
      expect(await feed()).toEqual(expected);
    });

  if (shape === "all")
    test("it says if no process could do it", async () => {
      await Promise.all(server.deployment.programs().map((program) => program.stop()));
      const program = rebuild("hot-users");
      expect(await within(program.ended, () => "it does not end")).toMatchObject({ code: 1 });
      expect(program.output()).toContain("It is done as soon as one starts.");
    });
});

describe("douya rebuild", () => {
  test.each([[[]], [["nonsense"]], [["inboxes", "hot-users"]]])("%j: told what to say", async (words) => {
    const program = startProgram(["rebuild", ...words], {});
    expect(await within(program.ended, () => "it does not end")).toMatchObject({ code: 1 });
    expect(program.output().trim()).toBe(
      "Say one of: hot-users, rankings, timelines, inboxes, views, watched-rankings.",
    );
  });
});
