import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { openDatabase } from "#platform/db/database.ts";
import { createLog } from "#platform/observe/log.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { freshClip } from "../harness/clips.ts";
import { registerMany } from "../harness/crowd.ts";
import { shapes } from "../harness/deployment.ts";
import { body, type Schemas } from "../harness/http-client.ts";
import { startProgram } from "../harness/program.ts";
import { type Person, scenarioOf } from "../harness/scenario.ts";
import { nowAndThenMs, until, within } from "../harness/within.ts";
import { deployFaulty, type FaultyDeployment } from "./faulty-deployment.ts";

/** `npm run test:consistency` has hundreds of viewers, for minutes. */
const seconds = Number(process.env.CONSISTENCY_SECONDS ?? 8);
const people = Number(process.env.CONSISTENCY_PEOPLE ?? 8);
const devicesEach = 2;
const leastAcknowledged = 100;
const restMs = 60;
const longestMs = 1_500;

type Video = Schemas["Video"];
/** What an honest player was told that it is stored. */
interface Told {
  watchedMs: number;
  last: { at: number; positionMs: number };
  video: Video;
  viewer: Person;
}

/** People who watch on several devices, honest ones and others, while processes and the database are killed. */
describe.each(shapes)("what is counted is what honest players were told is stored, %s", (shape) => {
  const random = randomOf(testSeed(`plays, ${shape}`));
  let faulty: FaultyDeployment;
  const server = scenarioOf(() => faulty.deployment);

  beforeAll(async () => {
    faulty = await deployFaulty(shape, random, ["playback", "video", "gateway"]);
  });
  afterAll(() => faulty?.remove());

  test("totals, histories and the recount agree", async () => {
    const [author, ...viewers] = await registerMany(server, people + 1);
    const videos: Video[] = [];
    for (const name of ["compliant.mp4", "rgb-silent.webm"])
      videos.push(await author!.settled((await author!.publish(freshClip(name))).id));

    const told = new Map<string, Told>();
    const problems: string[] = [];
    let acknowledged = 0;
    let lies = 0;
    const untilMs = performance.now() + seconds * 1000;
    const goesOn = () =>
      problems.length === 0 && (performance.now() < untilMs || acknowledged < leastAcknowledged);

    /** Again and again, until it is answered. */
    async function asked<T>(person: Person, path: string, json: object, status: number): Promise<T> {
      for (;;) {
        const answer = await person.post<T>(path, { json }).catch(() => undefined);
        if (answer?.status === status) return answer.body;
        await delay(restMs);
      }
    }
    type Answer = { accepted: number; refused: { reason: string }[] };
    const report = (person: Person, entries: object[]) =>
      asked<Answer>(person, "/playback/beacons", { entries }, 202);
    const begin = (person: Person, video: Video) =>
      asked<{ sessions: { token: string }[] }>(person, "/playback/sessions", { videoIds: [video.id] }, 200);

    async function watch(viewer: Person): Promise<void> {
      const video = random.of(videos);
      const beganMs = Date.now();
      const { token } = (await begin(viewer, video)).sessions[0]!;
      // Its token is of a later time than this, which the server allows for.
      const wholeMs = random.below(longestMs);
      for (let watchedMs = 0; watchedMs < wholeMs && goesOn(); ) {
        await delay(restMs + random.below(4 * restMs));
        watchedMs = Math.max(watchedMs, Math.floor((Date.now() - beganMs) / 2));
        const last = { at: Date.now(), positionMs: watchedMs % video.durationMs };
        const entry = { token, watchedMs, ...last };
        const times = random.chance(0.2) ? 2 : 1;
        const { accepted, refused } = await report(viewer, Array(times).fill(entry));
        if (refused.some(({ reason }) => reason === "PLAY_TOO_LONG")) continue;
        if (accepted !== times) problems.push(JSON.stringify(refused));
        const before = told.get(token);
        told.set(token, { video, viewer, last, watchedMs: Math.max(watchedMs, before?.watchedMs ?? 0) });
        acknowledged++;
      }
    }
    async function lie(viewer: Person): Promise<void> {
      const { token } = (await begin(viewer, random.of(videos))).sessions[0]!;
      const i = 4 + random.below(60);
      const forged = token.slice(0, i) + (token[i] === "A" ? "B" : "A") + token.slice(i + 1);
      const entry = { token, watchedMs: 0, positionMs: 0 };
      const { accepted } = await report(viewer, [
        { ...entry, token: forged },
        { ...entry, watchedMs: 1e9 },
        { ...entry, positionMs: -1 },
        { ...entry, loops: 1e5 },
      ]);
      const other = viewers[(viewers.indexOf(viewer) + 1) % viewers.length]!;
      const foreign = await report(other, [entry]);
      if (accepted + foreign.accepted !== 0) problems.push("a lie was believed");
      lies++;
    }
    const devices = viewers.flatMap((viewer) => Array<Person>(devicesEach).fill(viewer));
    await Promise.all([
      ...devices.map(async (viewer) => {
        while (goesOn()) await (random.chance(0.1) ? lie(viewer) : watch(viewer));
      }),
      faulty.suffer(goesOn, () => acknowledged),
    ]);
    expect(problems).toEqual([]);
    process.stdout.write(
      `plays, ${shape}: ${told.size} sessions, ${acknowledged} reports, ${lies} times lied\n`,
    );

    // It may name several servers.
    const database = openDatabase(faulty.deployment.databaseUrlOf("playback"), { log: createLog("silent") });
    onTestFinished(() => database.close());
    for (const video of videos) {
      const sessions = [...told].filter(([, one]) => one.video === video);
      const enoughMs = Math.min(3_000, video.durationMs / 2);
      // All within half an hour. Whoever watches is another one after midnight.
      const counted = sessions.filter(([, { watchedMs }]) => watchedMs >= enoughMs);
      const views = new Set(counted.map(([token]) => viewerIn(token))).size;
      const expected = {
        views,
        viewers: views,
        plays: sessions.length,
        watch_ms: sessions.reduce((sum, [, { watchedMs }]) => sum + watchedMs, 0),
      };
      await until(
        `what is counted of ${video.id}`,
        async () => {
          const { rows } = await database.pool.query(
            `select sum(views)::int as views, sum(viewers)::int as viewers, sum(plays)::int as plays,
               sum(watch_ms)::int as watch_ms from playback.total where video_id = $1`,
            [video.id],
          );
          expect(rows[0]).toEqual(expected);
          return true;
        },
        nowAndThenMs,
      );
      await until(
        "the public count",
        async () => {
          const { counts } = body(await server.api<Video>("GET", `/videos/${video.id}`));
          return counts.views === views;
        },
        nowAndThenMs,
      );
    }
    for (const viewer of viewers) {
      const mine = [...told.values()].filter((one) => one.viewer === viewer);
      await until(
        `the history of ${viewer.username}`,
        async () => {
          const { items } = body(await viewer.get<{ items: Watched[] }>("/history"));
          expect(items.map(({ video }) => video.id).sort()).toEqual(
            [...new Set(mine.map(({ video }) => video.id))].sort(),
          );
          for (const { video, positionMs } of items) {
            const of = mine.filter((one) => one.video.id === video.id);
            const at = Math.max(...of.map(({ last }) => last.at));
            const latest = of.filter(({ last }) => last.at === at);
            expect(latest.map(({ last }) => last.positionMs)).toContain(positionMs);
          }
          return true;
        },
        nowAndThenMs,
      );
    }
    // In plain SQL, from what was told.
    const doctor = startProgram(["doctor", "--recount"], {
      DOUYA_DATABASE_URL: faulty.deployment.databaseUrlOf("playback"),
      DOUYA_DATA: faulty.deployment.dataDir,
    });
    const { code } = await within(doctor.ended, () => "the recount does not end");
    expect(code, doctor.output()).toBe(0);
  });
});

interface Watched {
  video: Video;
  positionMs: number;
}

/** The number that stands for whoever watches, which a token says in the clear. */
function viewerIn(token: string): string {
  return Buffer.from(token, "base64url").readBigUInt64BE(26).toString();
}
