import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];
interface Session {
  videoId: string;
  token: string;
  reportEveryMs: number;
}
interface Answer {
  accepted: number;
  refused: { index: number; reason: string }[];
  reportEveryMs: number;
  firstToday: boolean;
}

describe.each(shapes)("what is watched, %s", (shape) => {
  const server = scenario(shape);
  let [ada, ben, eve]: Person[] = [];
  let [one, two]: Video[] = [];

  beforeAll(async () => {
    [ada, ben, eve] = await Promise.all([server.register(), server.register(), server.register()]);
    one = await ada!.settled((await ada!.publish(freshClip())).id);
    two = await ada!.settled((await ada!.publish(freshClip("rgb-silent.webm"))).id);
  });

  const tokenOf = (person?: Person) => ({ token: person?.session.accessToken });
  const see = async (id: string, viewer?: Person) =>
    body(await server.api<Video>("GET", `/videos/${id}`, tokenOf(viewer)));
  const begin = async (videoIds: string[], viewer?: Person) =>
    body(
      await server.api<{ sessions: Session[] }>("POST", "/playback/sessions", {
        ...tokenOf(viewer),
        json: { videoIds },
      }),
    ).sessions;
  const tell = async (entries: object[], viewer?: Person, more: object = {}) =>
    server.api<Answer>("POST", "/playback/beacons", {
      ...tokenOf(viewer),
      json: { entries: entries.map((entry) => ({ positionMs: 0, at: Date.now(), ...entry })), ...more },
    });
  /** Until so much can have been watched of what begins now. */
  const watch = async (token: string, ms: number, viewer?: Person, more: object = {}) => {
    let answer: Answer | undefined;
    await until("accepted", async () => {
      answer = body(await tell([{ token, watchedMs: ms, ...more }], viewer), 202);
      return answer.accepted === 1;
    });
    return answer!;
  };

  test("a video that was watched long enough has a view, once for each viewer within half an hour", async () => {
    for (const viewer of [ben, ben, eve, undefined, ada]) {
      const [session] = await begin([one!.id], viewer);
      expect(session).toMatchObject({ videoId: one!.id, reportEveryMs: 10_000 });
      await watch(session!.token, Math.min(3_000, one!.durationMs / 2), viewer);
    }
    // Ada is its author, and Ben watched it twice.
    await until("views", async () => (await see(one!.id)).counts.views === 3);
    expect((await see(two!.id)).counts.views).toBe(0);
  });

  test("pages of feeds show views and where one stopped, though they are kept", async () => {
    const item = async (path: string, viewer?: Person) => {
      const { items } = body(await server.api<{ items: Video[] }>("GET", path, tokenOf(viewer)));
      return items.find(({ id }) => id === two!.id);
    };
    expect((await item("/feed", ben))?.counts.views).toBe(0);
    expect((await item("/feed"))?.counts.views).toBe(0);
    const [session] = await begin([two!.id], ben);
    await watch(session!.token, two!.durationMs / 2, ben, { positionMs: 200 });
    await until("views in the feed", async () => (await item("/feed", ben))?.counts.views === 1);
    await until("views in the feed", async () => (await item("/feed"))?.counts.views === 1);
    await until("resume", async () => (await item("/feed", ben))?.resume?.positionMs === 200);
    expect((await item("/feed"))?.resume).toBeNull();
    expect((await see(two!.id, eve)).resume).toBeNull();
    expect(await (await fetch(`${server.origin}/douyin/feed/`)).text()).toContain('"view_count":1');
  });

  test("what one watched is in one's history, until one removes it", async () => {
    const history = async (query = "") =>
      body(
        await server.api<{
          items: { video: Video; positionMs: number; ended: boolean }[];
          nextCursor: string | null;
          paused: boolean;
        }>("GET", `/history${query}`, tokenOf(eve)),
      );
    const [first, second] = await begin([one!.id, two!.id], eve);
    await watch(first!.token, 10, eve, { positionMs: 10 });
    await watch(second!.token, 20, eve, { positionMs: 20, ended: true });
    await until(
      "history",
      async () => (await history()).items.map(({ video }) => video.id).join() === `${two!.id},${one!.id}`,
    );
    expect((await history()).items.map(({ positionMs, ended }) => ({ positionMs, ended }))).toEqual([
      { positionMs: 20, ended: true },
      { positionMs: 10, ended: false },
    ]);
    const page = await history("?limit=1");
    expect(page.items.map(({ video }) => video.id)).toEqual([two!.id]);
    const rest = await history(`?limit=1&cursor=${page.nextCursor}`);
    expect(rest.items.map(({ video }) => video.id)).toEqual([one!.id]);
    expect(rest.nextCursor).toBeNull();
    expectProblem(await server.api("GET", "/history?cursor=1-0", tokenOf(eve)), 422, "CURSOR_INVALID");

    await server.api("DELETE", `/history/${two!.id}`, tokenOf(eve));
    expect((await history()).items.map(({ video }) => video.id)).toEqual([one!.id]);
    await server.api("DELETE", "/history", tokenOf(eve));
    expect((await history()).items).toEqual([]);

    await server.api("PUT", "/history/recording", { ...tokenOf(eve), json: { paused: true } });
    expect((await history()).paused).toBe(true);
    const [unkept] = await begin([two!.id], eve);
    await watch(unkept!.token, two!.durationMs / 2, eve, { positionMs: 30 });
    // It counts, and is not kept.
    await until("views", async () => (await see(two!.id)).counts.views === 2);
    expect((await history()).items).toEqual([]);
    expect((await see(two!.id, eve)).resume).toBeNull();
  });

  test("what cannot be true is refused by name and counts nothing", async () => {
    const [session, foreign] = [(await begin([one!.id], ben))[0]!, (await begin([one!.id], eve))[0]!];
    const { token } = session;
    const forged = `${token.slice(0, 20)}${token[20] === "A" ? "B" : "A"}${token.slice(21)}`;
    const before = (await see(one!.id)).counts.views;
    const answer = body(
      await tell(
        [
          { token: forged, watchedMs: 1 },
          { token: "x", watchedMs: 1 },
          { token: foreign.token, watchedMs: 1 },
          { token, watchedMs: 3_600_000 },
          { token, watchedMs: -1 },
          { token, watchedMs: 0, positionMs: 1e9 },
          { token, watchedMs: 0, positionMs: -1 },
          { token, watchedMs: 0, loops: 1e6 },
          { token, watchedMs: 0 },
        ],
        ben,
      ),
      202,
    );
    expect(answer.accepted).toBe(1);
    expect(answer.refused).toEqual([
      { index: 0, reason: "PLAY_TOKEN_INVALID" },
      { index: 1, reason: "PLAY_TOKEN_INVALID" },
      { index: 2, reason: "PLAY_TOKEN_FOREIGN" },
      { index: 3, reason: "PLAY_TOO_LONG" },
      { index: 4, reason: "PLAY_TOO_LONG" },
      { index: 5, reason: "PLAY_POSITION_INVALID" },
      { index: 6, reason: "PLAY_POSITION_INVALID" },
      { index: 7, reason: "PLAY_TOO_LONG" },
    ]);
    expect((await see(one!.id)).counts.views).toBe(before);
    expect((await tell(Array(101).fill({ token, watchedMs: 0 }), ben)).status).toBe(422);
    expect(await begin(["1", "999999999999999999"], ben)).toEqual([]);
  });

  test("a body that is compressed is read, and one that is no gzip, is cut off or becomes too large is refused", async () => {
    const [session] = await begin([one!.id], ben);
    const entry = { token: session!.token, watchedMs: 0, positionMs: 0 };
    const send = async (bytes: Uint8Array<ArrayBuffer>, coding = "gzip") =>
      server.api<Answer>("POST", "/playback/beacons", {
        ...tokenOf(ben),
        bytes,
        headers: { "content-type": "application/json", "content-encoding": coding },
      });
    const zipped = gzipSync(JSON.stringify({ entries: [entry] }));
    expect(body(await send(zipped), 202).accepted).toBe(1);
    expect(body(await send(zipped, "GZIP"), 202).accepted).toBe(1);
    expectProblem(await send(zipped.subarray(0, zipped.length / 2)), 422, "INVALID_ARGUMENT");
    expectProblem(await send(new Uint8Array(100)), 422, "INVALID_ARGUMENT");
    expectProblem(await send(zipped, "br"), 422, "UNSUPPORTED_MEDIA_TYPE");
    // Some 50 KB that become 50 MB.
    expectProblem(await send(gzipSync(Buffer.alloc(50_000_000))), 413, "BODY_TOO_LARGE");
    const elsewhere = await server.api("PUT", "/history/recording", {
      ...tokenOf(ben),
      bytes: gzipSync('{"paused":true}'),
      headers: { "content-type": "application/json", "content-encoding": "gzip" },
    });
    expectProblem(elsewhere, 422, "UNSUPPORTED_MEDIA_TYPE");
    expect(body(await send(zipped), 202).accepted).toBe(1);
  });

  test("the first video of a day is told once, of two devices at the same instant", async () => {
    const today = new Date().toISOString().slice(0, 10);
    const devices = await Promise.all([begin([one!.id], ada), begin([two!.id], ada)]);
    const answers = await Promise.all(
      devices.map(async ([session]) =>
        body(await tell([{ token: session!.token, watchedMs: 0 }], ada, { today }), 202),
      ),
    );
    expect(answers.map(({ firstToday }) => firstToday).sort()).toEqual([false, true]);
  });

  test("what is sent to clients of the classic API is watched, for each of them once in half an hour", async () => {
    const video = await ada!.settled((await ada!.publish(freshClip())).id);
    const filmOf = async (viewer?: Person) => {
      const query = viewer ? `?token=${viewer.session.accessToken}` : "";
      const answer = await fetch(`${server.origin}/douyin/feed/${query}`);
      const { video_list } = JSON.parse((await answer.text()).replace(/"id":(\d+)/g, '"id":"$1"'));
      return video_list.find(({ id }: { id: string }) => id === video.id).play_url as string;
    };
    const load = async (url: string, headers: Record<string, string> = {}) =>
      (await fetch(url, { headers })).arrayBuffer();
    const [guests, bens] = [await filmOf(), await filmOf(ben)];
    for (let i = 0; i < 2; i++) await load(guests);
    await load(bens);
    await load(guests, { "user-agent": "another" });
    // Of a forged name nothing is known, and this guest has watched it already.
    await load(bens.replace(`.${ben!.id}.`, `.${eve!.id}.`));
    // The beginning only.
    await load(guests, { "user-agent": "a third", range: "bytes=0-100" });
    await until("views", async () => (await see(video.id)).counts.views === 3);
    const { items } = body(await server.api<{ items: { video: Video }[] }>("GET", "/history", tokenOf(ben)));
    expect(items.map((item) => item.video.id)).toContain(video.id);
    await load(guests, { "user-agent": "a fourth" });
    await until("one more", async () => (await see(video.id)).counts.views === 4);
  });
});
