import { beforeAll, describe, expect, test } from "vitest";
import { type Classic, classicClient, digits, ok, refused } from "./harness/classic-client.ts";
import { cutOffClip, freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, type Page, type Schemas, send } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

const file = (bytes = freshClip()) => new Blob([bytes]);

describe.each(shapes)("/douyin/publish and /douyin/feed, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);
  let ada: Person;
  let token: string;
  const list = (userId: string) => classicApi.get("/publish/list/", { user_id: userId });

  beforeAll(async () => {
    ada = await server.register();
    token = ada.session.accessToken;
  });

  test("a feed without videos is an empty list, and its time is one to go on from", async () => {
    const { video_list, next_time } = ok(await classicApi.get("/feed/"));
    expect(video_list).toEqual([]);
    expect(next_time).toBeGreaterThan(Date.now() - 60_000);
  });

  test.each([
    [
      "the token before the file",
      (clip: Blob) => [
        ["token", token],
        ["data", clip],
        ["title", "one"],
      ],
    ],
    [
      "the token after the file",
      (clip: Blob) => [
        ["data", clip],
        ["title", "one"],
        ["token", token],
      ],
    ],
  ])("a list right after publishing has the video: %s", async (_where, fields) => {
    const ben = await server.register();
    const form = fields(file()).map(([name, value]) => [
      name,
      value === token ? ben.session.accessToken : value,
    ]);
    ok(await classicApi.publish(form as [string, string | Blob][]));
    const answer = await list(ben.id);
    const [video] = ok(answer).video_list!;
    expect(video).toEqual({
      id: expect.any(Number),
      author: expect.objectContaining({ name: ben.username, work_count: 1 }),
      play_url: expect.stringMatching(/^http:.*\.mp4$/),
      cover_url: expect.stringMatching(/^http:.*\.jpg$/),
      favorite_count: 0,
      comment_count: 0,
      view_count: 0,
      is_favorite: false,
      title: "one",
    });
    const [id, authorId] = digits(answer, "id");
    expect(authorId).toBe(ben.id);
    expect(body(await ben.get<Page<Schemas["Video"]>>("/me/videos")).items[0]!.id).toBe(id);
    expect((await send("GET", video!.play_url)).headers.get("content-type")).toBe("video/mp4");
    expect((await send("GET", video!.cover_url)).headers.get("content-type")).toBe("image/jpeg");
    expect(ok(await classicApi.get("/user/", { token, user_id: ben.id })).user!.work_count).toBe(1);
    expect((await ben.delete(`/videos/${id}`)).status).toBe(204);
  });

  test("the token and the title may come in the query", async () => {
    // Unknown parameters are ignored, however many and long they are.
    const unknown = Array.from({ length: 20 }, (_, i): [string, string] => ["nobody", "x".repeat(5000 + i)]);
    ok(await classicApi.publish([...unknown, ["data", file()]], { token, title: "from the query" }));
    expect(ok(await list(ada.id)).video_list![0]!.title).toBe("from the query");
    const both: [string, string | Blob][] = [
      ["token", token],
      ["data", file()],
      ["title", "a"],
    ];
    expect(refused(await classicApi.publish(both, { title: "b" }), 10001)).toContain("title");
  });

  test("a missing part of a publish is named", async () => {
    expect(
      refused(
        await classicApi.publish([
          ["token", token],
          ["data", file()],
        ]),
        10001,
      ),
    ).toContain("title");
    expect(
      refused(
        await classicApi.publish([
          ["token", token],
          ["title", "a"],
        ]),
        10001,
      ),
    ).toContain("data");
    refused(
      await classicApi.publish([
        ["data", file()],
        ["title", "a"],
      ]),
      10105,
    );
    refused(
      await classicApi.publish([
        ["token", "x"],
        ["data", file()],
        ["title", "a"],
      ]),
      10106,
    );
    refused(
      await classicApi.publish([
        ["data", file()],
        ["title", "a"],
        ["token", "x"],
      ]),
      10106,
    );
    expect(refused(await classicApi.post("/publish/action/", { token, title: "a" }), 10001)).toContain(
      "data",
    );
    expect(refused(await classicApi.post("/publish/action/", {}, { token, title: "a" }), 10001)).toContain(
      "data",
    );
  });

  test("a title has at most 200 characters, however they are counted in bytes", async () => {
    const publish = (title: string) =>
      classicApi.publish([
        ["token", token],
        ["data", file()],
        ["title", title],
      ]);
    ok(await publish("豆".repeat(200)));
    ok(await publish("👍".repeat(200)));
    ok(await publish(""));
    refused(await publish("豆".repeat(201)), 10201);
    refused(await publish("x".repeat(10_000)), 10001);
    refused(await publish("a\u0007b"), 10201);
  });

  test("a file that is no video, or fails in the pipeline, is refused with the reason", async () => {
    const publish = (bytes: Uint8Array<ArrayBuffer>) =>
      classicApi.publish([
        ["token", token],
        ["data", new Blob([bytes])],
        ["title", "a"],
      ]);
    refused(await publish(Buffer.from("hello")), 10204);
    refused(await publish(Buffer.alloc(0)), 10203);
    refused(await publish(freshClip().subarray(0, 9000)), 10205);
    refused(await publish(cutOffClip()), 10205);
  });

  test("the list of somebody needs their id, and a token only if there is one", async () => {
    expect(refused(await classicApi.get("/publish/list/"), 10001)).toContain("user_id");
    expect(refused(await classicApi.get("/publish/list/", { user_id: "x" }), 10001)).toContain("user_id");
    refused(await classicApi.get("/publish/list/", { user_id: ada.id, token: "x" }), 10106);
    ok(await classicApi.get("/publish/list/", { user_id: ada.id, token }));
    expect(ok(await list("1")).video_list).toEqual([]);
    const titles = ok(await list(ada.id)).video_list!.map((video) => video.title);
    expect(titles).toEqual(["", "👍".repeat(200), "豆".repeat(200), "from the query"]);
  });

  test("a title is one line: what was typed as several is joined by spaces", async () => {
    const form: [string, string | Blob][] = [
      ["token", token],
      ["data", file()],
      ["title", "one\r\ntwo\nthree\u2028four\n"],
    ];
    ok(await classicApi.publish(form));
    const { video_list: listed } = ok(await list(ada.id));
    expect(listed![0]!.title).toBe("one two three four");
  });

  describe("a feed of more than a page", () => {
    let newestFirst: string[];
    let oldestMs: number;

    beforeAll(async () => {
      const published = body(await server.api<Page<Schemas["Video"]>>("GET", "/feed?limit=50")).items;
      const last = published.at(-1)!;
      oldestMs = Date.parse(last.publishedAt!) - 5_000_000;
      // Five to a millisecond: only the time tells where a page ends.
      const at = (i: number) => oldestMs + Math.floor(i / 5);
      const copies = await copyVideo(server.deployment.databaseUrl, last.id, 75, at);
      newestFirst = [...published.map((video) => video.id), ...copies.reverse()];
    });

    const idsIn = (answer: { text: string; body: Classic }) =>
      [...answer.text.matchAll(/\{"id":(\d+),"author"/g)].map((match) => match[1]!);

    test.each(["guest", "caller"])("a %s pages through all of it, once", async (who) => {
      const seen: string[] = [];
      let query: Record<string, string> = who === "caller" ? { token } : {};
      for (let page = 0; page < 10; page++) {
        const answer = await classicApi.get("/feed/", query);
        const { video_list, next_time } = ok(answer);
        if (video_list!.length === 0) break;
        expect(video_list!.length).toBeLessThanOrEqual(30);
        seen.push(...idsIn(answer));
        query = { ...query, latest_time: String(next_time) };
        // A client that pages on does not see later ones.
        if (page === 0)
          ok(
            await classicApi.publish([
              ["token", token],
              ["data", file()],
              ["title", `late, ${who}`],
            ]),
          );
      }
      expect(seen.slice(-newestFirst.length)).toEqual(newestFirst);
      expect(new Set(seen).size).toBe(seen.length);
    });

    test("latest_time is in milliseconds, or in seconds, or now", async () => {
      const published = body(await server.api<Page<Schemas["Video"]>>("GET", "/feed?limit=50")).items;
      const all = published.map((video) => video.id);
      const newest = idsIn(await classicApi.get("/feed/"));
      // At most 30, and no part of a millisecond.
      expect(newest.length).toBeGreaterThan(25);
      expect(newest).toEqual(all.slice(0, newest.length));
      for (const now of ["0", "", "99999999999999", "9223372036854775807", String(Date.now() + 60_000)])
        expect(idsIn(await classicApi.get("/feed/", { latest_time: now })), now).toEqual(newest);
      const between = Math.ceil(oldestMs / 1000 + 60);
      const old = newestFirst.slice(-75, -45);
      expect(idsIn(await classicApi.get("/feed/", { latest_time: String(between) }))).toEqual(old);
      expect(idsIn(await classicApi.get("/feed/", { latest_time: String(between * 1000) }))).toEqual(old);
      expect(idsIn(await classicApi.get("/feed/", { latest_time: "1" }))).toEqual([]);
      // Older than this very millisecond.
      expect(idsIn(await classicApi.get("/feed/", { latest_time: String(oldestMs + 1) }))).toEqual(
        newestFirst.slice(-5),
      );
      expect(idsIn(await classicApi.get("/feed", { latest_time: String(oldestMs) }))).toEqual([]);
    });

    test("an invalid time is named, and an invalid token is an error", async () => {
      for (const time of ["x", "-1", "1.5", "1e12", "99999999999999999999"])
        expect(refused(await classicApi.get("/feed/", { latest_time: time }), 10001)).toContain(
          "latest_time",
        );
      refused(await classicApi.get("/feed/", { token: "x" }), 10106);
      ok(await classicApi.get("/feed/", { token: "" }));
    });

    test("times are whole numbers of milliseconds", async () => {
      const [next] = digits(await classicApi.get("/feed/"), "next_time");
      expect(next).toMatch(/^\d{13}$/);
    });
  });
});
