import { chmod, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { expectAlerts, lastingSeries, needsPromtool, type Series } from "./harness/promtool.ts";
import { scenario } from "./harness/scenario.ts";
import { until, within } from "./harness/within.ts";

/** Shorter waits; everything else is as usual. */
const env = { DOUYA_STALLED_SECONDS: "1" };
type Readiness = { ready: boolean; degraded?: Record<string, string> };

/** Polls /readyz of the process at `origin` until `part` is as expected; the process is ready all the time. */
function untilTold(origin: string, part: string, expected: RegExp | undefined): Promise<string> {
  return until(`${part} is told as ${expected}`, async () => {
    const { status, body } = await send<Readiness>("GET", `${origin}/readyz`);
    expect([status, body.ready]).toEqual([200, true]);
    const told = body.degraded?.[part];
    return expected ? told !== undefined && expected.test(told) && told : told === undefined && "nothing";
  });
}

async function gauges(origin: string): Promise<Record<string, number>> {
  const { text } = await send("GET", `${origin}/metrics`);
  return Object.fromEntries(
    [...text.matchAll(/^douya_degraded\{part="(\w+)"\} (\d)$/gm)].map(([, part, value]) => [
      part,
      Number(value),
    ]),
  );
}

/** What /metrics said during faults and after them, for the alert rules. */
const seen: { series: Series[]; fires: string[] }[] = [];
/** Keeps a gauge once it is as expected, by its largest value; it shows a change within a second. */
async function look(
  origin: string,
  gauge: string,
  isExpected: (largest: number) => boolean,
  ...fires: string[]
): Promise<void> {
  const series = await until(`${gauge} is as expected`, async () => {
    const found = lastingSeries((await send("GET", `${origin}/metrics`)).text, gauge);
    return isExpected(Math.max(0, ...found.map(([, values]) => Number.parseFloat(values)))) && found;
  });
  seen.push({ series, fires });
}

describe.concurrent("one process", () => {
  let folder: string;
  const tool = () => join(folder, "ffmpeg");
  const withTool: Record<string, string> = { ...env };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "douya-tools-"));
    await chmod(folder, 0o755);
    for (const name of ["ffmpeg", "ffprobe"])
      await writeFile(join(folder, name), `#!/bin/sh\nexec ${name} "$@"\n`, { mode: 0o755 });
    withTool.DOUYA_FFMPEG = tool();
  });
  afterAll(() => rm(folder, { recursive: true }));
  // Events that cannot be handled are an error in the log.
  const server = scenario("all", { env: withTool, mayLogErrors: true });
  /** With a connection to the database of its own. */
  async function onDatabase(act: (database: pg.Client) => Promise<unknown>): Promise<void> {
    const database = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await database.connect();
    await act(database).finally(() => database.end());
  }

  test("media: without a program that works it is named, until there is one again", async () => {
    await rename(tool(), `${tool()}.gone`);
    await untilTold(server.origin, "media", /^MEDIA_UNUSABLE: videos and pictures cannot be processed/);
    expect(await gauges(server.origin)).toMatchObject({ disk: 0, media: 1 });
    const doctor = startProgram(["doctor"], {
      ...withTool,
      DOUYA_DATA: server.deployment.dataDir,
      DOUYA_DATABASE_URL: server.deployment.databaseUrl,
    });
    await within(doctor.ended, () => "douya doctor does not end");
    expect(doctor.output()).toMatch(/^MEND {2}Media/m);
    await rename(`${tool()}.gone`, tool());
    await untilTold(server.origin, "media", undefined);
    expect((await gauges(server.origin)).media).toBe(0);
  });

  test("consumers that make no progress are named, until they do", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    await onDatabase(async (database) => {
      await database.query("begin");
      await database.query("select from events.consumer where group_name = 'feed.inbox' for update");
      expect((await ada.put(`/users/${ben.id}/follow`)).status).toBe(204);
      const expected = /^EVENTS_STALLED: .*feed\.inbox \(the oldest event is \d+ s old\)/;
      await untilTold(server.origin, "consumers", expected);
      expect((await gauges(server.origin)).consumers).toBe(1);
      await queryOnce(
        server.deployment.databaseUrl,
        "update events.log set at = at - interval '10 minutes' where type = 'relation.followed.v1'",
      );
      await look(server.origin, "douya_events_lag_seconds", (age) => age > 600, "DouyaEventsLate");
    });
    await untilTold(server.origin, "consumers", undefined);
    await look(server.origin, "douya_events_lag_seconds", (age) => age < 300);
  });

  test("an event that cannot be handled is named, until it was handled", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    expect((await ada.put(`/users/${ben.id}/follow`)).status).toBe(204);
    await onDatabase(async (database) => {
      await database.query(
        `insert into events.log (partition, type, key, payload)
         select partition, type, key, '\\xff' from events.log where type = 'relation.followed.v1' limit 1`,
      );
      await untilTold(server.origin, "deadLetters", /^EVENTS_PARKED: .*1 of feed\.inbox/);
      expect((await gauges(server.origin)).deadLetters).toBe(1);
      await until("every group has given it up", async () => {
        const { rowCount } = await database.query(
          `select from events.consumer_group g where 'relation.followed.v1' = any(g.types)
             and not exists (select from events.dead d where d.group_name = g.group_name)`,
        );
        return rowCount === 0;
      });
      await look(server.origin, "douya_events_dead_letters", (some) => some > 0, "DouyaDeadLetters");
      await database.query(
        `update events.dead d set replay = true, payload = (
           select payload from events.log where type = 'relation.followed.v1' order by position limit 1
         )`,
      );
    });
    await untilTold(server.origin, "deadLetters", undefined);
    await look(server.origin, "douya_events_dead_letters", (some) => some === 0);
  });

  test("dead jobs are named, until they are retried", async () => {
    await onDatabase(async (database) => {
      await database.query(
        "insert into feed.job (kind, key, dead, last_error) values ('x', 'x', true, 'for operators only')",
      );
      const told = await untilTold(server.origin, "jobs", /^JOBS_GIVEN_UP: .*1 of feed\.x/);
      expect(told).not.toContain("for operators only");
      expect((await gauges(server.origin)).jobs).toBe(1);
      await look(server.origin, "douya_jobs_dead", (some) => some > 0, "DouyaJobsGivenUp");
      await database.query(
        "update feed.job set dead = false, run_at = now() - interval '2 hours' where kind = 'x'",
      );
      await look(server.origin, "douya_jobs_waiting_seconds", (age) => age > 7_000, "DouyaJobsWait");
      await database.query("delete from feed.job where kind = 'x'");
    });
    await untilTold(server.origin, "jobs", undefined);
    await look(server.origin, "douya_jobs_dead", (some) => some === 0);
  });
});

describe("several processes", () => {
  const server = scenario("split", { env, mayLogErrors: true });

  test("each says which consumers nobody runs, and of media only those that handle some", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    await untilTold(server.origin, "consumers", undefined);
    expect(Object.keys(await gauges(server.origin))).toEqual([
      "disk",
      "consumers",
      "deadLetters",
      "jobs",
      "settings",
    ]);
    await server.deployment.programOf("feed").kill();
    expect((await ada.put(`/users/${ben.id}/follow`)).status).toBe(204);
    await untilTold(server.origin, "consumers", /^EVENTS_STALLED: .*feed\.inbox, for which nobody works/);
    await look(server.origin, "douya_events_members", () => true, "DouyaConsumerMissing");
    await server.deployment.restart("feed");
    await untilTold(server.origin, "consumers", undefined);
  });

  test("without a process of feed, feeds are refused before the database is asked anything", async () => {
    const feeds = [`${server.origin}/api/v1/feed`, `${server.origin}/douyin/feed/`];
    const answers = () => Promise.all(feeds.map((url) => send<object>("GET", url)));
    // Whatever can be kept is kept. The test before has just restarted it.
    await expect.poll(async () => (await answers()).map(({ status }) => status)).toEqual([200, 200]);
    await server.deployment.programOf("feed").kill();
    const refused = async () => (await answers()).map(({ status, text }) => `${status} ${text}`).join();
    const unavailable = /^503 .*"(FEED|VIDEO)_UNAVAILABLE".*,503 /;
    await until("it is known that it is away", async () => unavailable.test(await refused()));
    // Whoever asks what has changed gets an error.
    const { databaseUrl } = server.deployment;
    await queryOnce(databaseUrl, "alter function events.recent_of_types rename to not_asked");
    const all: string[] = [];
    for (let i = 0; i < 50; i++) all.push(await refused());
    // The rest came while it was being tried whether somebody is there again.
    expect(all.filter((one) => unavailable.test(one)).length).toBeGreaterThan(25);
    await queryOnce(databaseUrl, "alter function events.not_asked rename to recent_of_types");
    await server.deployment.restart("feed");
  });
});

test("the alert rules fire at each of these faults, and clear", async (context) => {
  needsPromtool(context);
  expect(seen.map(({ fires }) => fires.length).sort()).toEqual([0, 0, 0, 1, 1, 1, 1, 1]);
  for (const { series } of seen.filter(({ fires }) => fires.length > 0)) expect(series).not.toEqual([]);
  await expectAlerts(seen);
});
