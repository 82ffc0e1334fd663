import { beforeAll, describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Schemas } from "./harness/http-client.ts";
import { moderatorAt } from "./harness/moderator.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { watch } from "./harness/watch.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];
type Numbers = Record<string, number>;
interface Figures {
  total: Numbers;
  spanMs: number;
  series: (Numbers & { at: string })[];
  sources: { from: string; views: number }[];
}
type OfVideo = Figures & { retention: number[] };
type OfAll = Figures & { videos: (Numbers & { video: Video })[] };

const windows = { "24h": 60_000, "28d": 3_600_000, all: 86_400_000 };
const none = {
  ...{ views: 0, viewers: 0, plays: 0, ownPlays: 0, watchMs: 0, completions: 0, skips: 0, loops: 0 },
  ...{ likes: 0, comments: 0, shares: 0, followers: 0 },
};

describe.each(shapes)("what authors learn, %s", (shape) => {
  const server = scenario(shape);
  let [ada, ben, eve, mo]: Person[] = [];
  let [one, two]: Video[] = [];

  beforeAll(async () => {
    [ada, ben, eve, mo] = await Promise.all([
      ...[server.register(), server.register(), server.register()],
      moderatorAt(server),
    ]);
    [one, two] = await Promise.all(
      [freshClip(), freshClip()].map(async (clip) => ada!.settled((await ada!.publish(clip)).id)),
    );
  });

  const ofVideo = async (window = "24h", id = one!.id, by = ada!) =>
    body(await by.get<OfVideo>(`/videos/${id}/figures?window=${window}`));
  const ofAll = async (window = "24h", by = ada!) =>
    body(await by.get<OfAll>(`/me/figures?window=${window}`));
  const say = async (by: Person, text: string, to = "") =>
    body(await by.post<Schemas["Comment"]>(`/videos/${one!.id}/comments${to}`, { json: { text } }), 201);
  /** What is asked of playback's database. */
  const rows = (sql: string, values: unknown[]) =>
    queryOnce(server.deployment.databaseUrlOf("playback"), sql, values);

  test("agree with what people did: watched, left, liked, commented, shared, followed, and took back", async () => {
    const { durationMs } = one!;
    expect(await ofVideo()).toEqual({
      ...{ total: none, spanMs: 60_000, series: [], sources: [], retention: [] },
    });
    await watch(server, one!.id, ben, {
      watchedMs: durationMs / 2,
      positionMs: durationMs / 2,
      from: "feed",
    });
    await watch(server, one!.id, eve, {
      watchedMs: durationMs,
      positionMs: durationMs,
      ended: true,
      from: "profile",
    });
    await watch(server, one!.id, undefined, { watchedMs: 10, from: "link" });
    await watch(server, one!.id, ada, { watchedMs: durationMs, positionMs: durationMs, ended: true });
    await watch(server, two!.id, ben, { watchedMs: durationMs, loops: 1, from: "feed" });

    for (const person of [ben!, eve!]) {
      expect((await person.put(`/videos/${one!.id}/like`)).status).toBe(204);
      expect((await person.put(`/users/${ada!.id}/follow`)).status).toBe(204);
      body(await person.post(`/videos/${one!.id}/shares`), 201);
    }
    expect((await eve!.delete(`/videos/${one!.id}/like`)).status).toBe(204);
    expect((await ben!.delete(`/users/${ada!.id}/follow`)).status).toBe(204);
    const thread = await say(eve!, "to be deleted");
    await say(ben!, "a reply to it", `/${thread.id}/replies`);
    await say(ben!, "to stay");
    expect((await eve!.delete(`/videos/${one!.id}/comments/${thread.id}`)).status).toBe(204);

    const ofOne = {
      ...{ views: 2, viewers: 2, plays: 3, ownPlays: 1, completions: 1, loops: 0 },
      // Left before 2 s, of a film that is not much longer.
      skips: durationMs / 2 < 2_000 ? 2 : 1,
      watchMs: Math.round(durationMs / 2) + durationMs + 10,
      ...{ likes: 1, comments: 1, shares: 2, followers: 0 },
    };
    const ofTwo = { ...none, views: 1, viewers: 1, plays: 1, completions: 1, loops: 1, watchMs: durationMs };
    const both = Object.fromEntries(
      Object.entries(ofOne).map(([name, n]) => [name, n + ofTwo[name as keyof typeof none]]),
    );
    both.followers = 1;
    // Numbers pass what they come to: what is taken back comes after what was given.
    await until("all is counted", async () => {
      for (const [window, spanMs] of Object.entries(windows)) {
        const [ones, all] = [await ofVideo(window), await ofAll(window)];
        expect(ones.total).toEqual(ofOne);
        expect(all.total).toEqual(both);
        expect(all.videos.map(({ video, ...figures }) => [video.id, figures])).toEqual([
          [one!.id, ofOne],
          [two!.id, ofTwo],
        ]);
        for (const { spanMs: span, series, total } of [ones, all]) {
          expect(span).toBe(spanMs);
          for (const name of Object.keys(none)) {
            const sum = series.reduce((so, figures) => so + figures[name]!, 0);
            expect(sum, `${name} in ${window}`).toBe(total[name]);
          }
          for (const { at } of series) expect(Date.parse(at) % spanMs).toBe(0);
          expect(series.map(({ at }) => at)).toEqual(series.map(({ at }) => at).sort());
        }
        expect(new Map(ones.sources.map(({ from, views }) => [from, views]))).toEqual(
          new Map([
            ["feed", 1],
            ["profile", 1],
          ]),
        );
        expect(all.sources).toEqual([
          { from: "feed", views: 2 },
          { from: "profile", views: 1 },
        ]);
      }
      return true;
    });
    const { retention } = await ofVideo();
    expect(retention).toHaveLength(101);
    // One was left at once, one in the middle.
    expect([0, 1, 49, 51, 100].map((percent) => retention[percent])).toEqual([
      100, 66.67, 66.67, 33.33, 33.33,
    ]);
  });

  test("can be had as a file, of numbers and times", async () => {
    for (const window of Object.keys(windows)) {
      for (const [path, found] of [
        [`/videos/${one!.id}/figures`, await ofVideo(window)],
        ["/me/figures", await ofAll(window)],
      ] as const) {
        const answer = await ada!.get(`${path}?format=csv&window=${window}`);
        expect(answer.status, answer.text).toBe(200);
        expect(answer.headers.get("content-type")).toBe("text/csv; charset=utf-8");
        expect(answer.headers.get("content-disposition")).toMatch(
          new RegExp(`^attachment; filename="douya-[\\d-]*${window}\\.csv"$`),
        );
        const [head, ...lines] = answer.text.trimEnd().split("\r\n");
        expect(head).toBe(["at", ...Object.keys(found.total)].join());
        expect(lines.length).toBeGreaterThan(0);
        expect(lines).toEqual(
          found.series.map(({ at, ...figures }) => [at, ...Object.values(figures)].join()),
        );
        // Nothing that a spreadsheet takes for a formula.
        for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:00\.000Z(,-?\d+){12}$/);
      }
    }
  });

  test("are the author's alone; a moderator sees those of a video, which is noted", async () => {
    const path = `/videos/${one!.id}/figures`;
    for (const query of ["", "?format=csv"]) {
      expectProblem(await server.api("GET", `${path}${query}`), 401, "LOGIN_REQUIRED");
      expectProblem(await server.api("GET", `/me/figures${query}`), 401, "LOGIN_REQUIRED");
      expectProblem(await ben!.get(`${path}${query}`), 403, "NOT_YOURS");
      expectProblem(await ben!.get(`/videos/999999999999/figures${query}`), 404, "VIDEO_NOT_FOUND");
    }
    expect((await ofAll("24h", ben!)).total).toEqual(none);
    expect(await ofVideo("28d", one!.id, mo!)).toEqual(await ofVideo("28d"));
    expect((await mo!.get(`${path}?format=csv`)).status).toBe(200);
    const noted = await rows(
      "select subject, user_id, actor_id from security.entry where kind = 'figures-seen' and user_id = $1",
      [ada!.id],
    );
    const note = { subject: `video ${one!.id}`, user_id: ada!.id, actor_id: mo!.id };
    expect(noted).toEqual([note, note]);

    const hidden = { json: { visibility: "private" } };
    expect((await ada!.patch(`/videos/${two!.id}`, hidden)).status).toBe(200);
    for (const person of [ben!, mo!])
      expectProblem(await person.get(`/videos/${two!.id}/figures`), 404, "VIDEO_NOT_FOUND");
    expect((await ofVideo("all", two!.id)).total.views).toBe(1);
    expect((await ada!.get(`${path}?window=1h`)).status).toBe(422);
  });

  test("stay while a hold stops a deletion, and go with the video", async () => {
    const before = await ofVideo("all");
    expect((await mo!.put(`/videos/${one!.id}/hold`)).status).toBe(204);
    expectProblem(await ada!.delete(`/videos/${one!.id}`), 409, "VIDEO_HELD");
    body(await ada!.delete("/me", { json: { password: ada!.password } }), 202);
    ada = await until("the account is open again", () => server.logIn(ada!.username, ada!.password));
    const [mark] = await rows(
      "select (select count(*) from playback.gone_video where video_id = $1) + (select count(*) from playback.person where user_id = $2 and gone) as n",
      [one!.id, ada.id],
    );
    expect([await ofVideo("all"), mark]).toEqual([before, { n: "0" }]);

    expect((await mo!.delete(`/videos/${one!.id}/hold`)).status).toBe(204);
    expect((await ada.delete(`/videos/${one!.id}`)).status).toBe(204);
    expectProblem(await ada.get(`/videos/${one!.id}/figures`), 404, "VIDEO_NOT_FOUND");
    await until("its figures are gone", async () => (await ofAll("all")).total.plays === 1);
    expect((await ofAll("all")).total).toMatchObject({
      views: 1,
      likes: 0,
      comments: 0,
      shares: 0,
      followers: 1,
    });
  });

  test("lose what somebody did whose account is deleted; what they watched counts on, without a name", async () => {
    const mine = await ada!.settled((await ada!.publish(freshClip())).id);
    await watch(server, mine.id, ben, { watchedMs: mine.durationMs, ended: true });
    await watch(server, mine.id, eve, { watchedMs: mine.durationMs, ended: true });
    for (const person of [ben!, eve!]) {
      expect((await person.put(`/videos/${mine.id}/like`)).status).toBe(204);
      body(await person.post(`/videos/${mine.id}/shares`), 201);
      const json = { text: "well" };
      body(await person.post(`/videos/${mine.id}/comments`, { json }), 201);
    }
    const total = async () => (await ofVideo("all", mine.id)).total;
    const are = (likes: number) => async () => {
      const now = await total();
      return now.views === 2 && [now.likes, now.comments, now.shares].every((n) => n === likes);
    };
    await until("all is counted", are(2));
    const watched = (userId: string) =>
      rows(
        "select user_id from playback.history where user_id = $1 union all select user_id from playback.position where user_id = $1",
        [userId],
      );
    await until("it is in the history", async () => (await watched(eve!.id)).length > 1);
    body(await eve!.delete("/me", { json: { password: eve!.password } }), 202);
    await until("hers is subtracted", are(1));
    await until("her follow is subtracted", async () => (await ofAll("all")).total.followers === 0);
    await until("what she watched is gone", async () => (await watched(eve!.id)).length === 0);
    expect(await watched(ben!.id)).not.toEqual([]);
  });
});
