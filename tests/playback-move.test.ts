import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { freshClip } from "./harness/clips.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";

import { type Program, startProgram } from "./harness/program.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

let deployment: Deployment;
let own: TestDatabase;
let videoId: string;
let ben: Person;
const programs: Program[] = [];
const server = scenarioOf(() => deployment);

beforeAll(async () => {
  deployment = await deploy("all");
  own = await createTestDatabase();
  const ada = await server.register();
  ben = await server.register();
  videoId = (await ada.settled((await ada.publish(freshClip())).id)).id;
});
afterAll(async () => {
  await Promise.all(programs.map((program) => program.stop()));
  await deployment?.remove();
  await own?.drop();
});

async function run(...args: string[]): Promise<string> {
  const { dataDir, databaseUrl } = deployment;
  const program = startProgram(args, { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl });
  programs.push(program);
  await program.ended;
  return program.output();
}

/** Tells of one session after the other, and of each until it is accepted. */
function watch() {
  let sessions = 0;
  let stopped = false;
  const refused: string[] = [];
  const watching = (async () => {
    while (!stopped) {
      await delay(20);
      const begun = await ben.post<{ sessions: { token: string }[] }>("/playback/sessions", {
        json: { videoIds: [videoId] },
      });
      if (begun.status !== 200) {
        refused.push(JSON.stringify(begun.body));
        continue;
      }
      const [session] = begun.body.sessions;
      for (;;) {
        await delay(20);
        const told = await ben.post<{ accepted: number }>("/playback/beacons", {
          json: { entries: [{ token: session!.token, at: Date.now(), positionMs: 0, watchedMs: 0 }] },
        });
        if (told.status === 202 && told.body.accepted === 1) break;
        refused.push(JSON.stringify(told.body));
      }
      sessions++;
    }
  })();
  return {
    sessions: () => sessions,
    refused,
    async stop() {
      stopped = true;
      await watching;
      return sessions;
    },
  };
}

let told = 0;
test.each([
  ["out", () => [`--to=${own.url}`], () => own.url],
  ["and back", () => ["--back"], () => deployment.databaseUrl],
])("what is watched is counted once while plays are moved: %s", async (_way, args, url) => {
  const watching = watch();
  await until("some are watched", async () => watching.sessions() > 5);
  expect(await run("database", "move", "playback", ...args())).toMatch(/^playback is in /m);
  const at = watching.sessions();
  expect(watching.refused.filter((answer) => !answer.includes("DATABASE_UNAVAILABLE"))).toEqual([]);
  await until("some are watched there", async () => {
    if (watching.sessions() > at + 5) return true;
    throw new Error(`${watching.sessions() - at}: ${watching.refused.at(-1)}`);
  });
  told += await watching.stop();
  await until("all are counted", async () => {
    const [row] = await queryOnce(url(), "select sum(plays)::int as plays from playback.total");
    return row!.plays === told;
  });
  expect(
    await queryOnce(url(), "select from pg_inherits where inhparent = 'playback.raw'::regclass"),
  ).not.toEqual([]);
  const recounted = await run("doctor", "--recount");
  expect(recounted).toMatch(/^ok +playback +plays by the hour/m);
  expect(recounted).not.toContain("DRIFT");
});
