import { request } from "node:http";
import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

type Video = Schemas["Video"];

describe.each(shapes)("watching, %s", (shape) => {
  const server = scenario(shape);
  let ada: Person;
  let video: Video;
  /** Every published video, newest first. */
  let newestFirst: string[];

  beforeAll(async () => {
    ada = await server.register();
    video = await ada.settled((await ada.publish(freshClip(), "the first")).id);
    const { databaseUrl } = server.deployment;
    const first = Date.parse(video.publishedAt!) - 1_000_000;
    // Three to a millisecond, so that time alone does not order them.
    const copies = await copyVideo(databaseUrl, video.id, 40, (i) => first + Math.floor(i / 3));
    newestFirst = [video.id, ...copies.reverse()];
  });

  const feed = async (limit: number, cursor: string | null) =>
    body(await server.api<Page<Video>>("GET", `/feed?limit=${limit}${cursor ? `&cursor=${cursor}` : ""}`));

  test.each([1, 7, 20, 50])("the feed in pages of %i is everything, newest first, once", async (limit) => {
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<Video> = await feed(limit, cursor);
      expect(page.items.length).toBeLessThanOrEqual(limit);
      seen.push(...page.items.map((item) => item.id));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(newestFirst);
  });

  test("a reader who pages while others publish and delete sees nothing twice and misses nothing", async () => {
    const first = await feed(10, null);
    const late = await ada.settled((await ada.publish(freshClip(), "late")).id);
    expect((await feed(1, null)).items[0]?.id).toBe(late.id);
    const second = await feed(10, first.nextCursor);
    expect((await ada.delete(`/videos/${late.id}`)).status).toBe(204);
    const third = await feed(50, second.nextCursor);
    const seen = [...first.items, ...second.items, ...third.items].map((item) => item.id);
    expect(seen).toEqual(newestFirst);
    expect((await feed(1, null)).items[0]?.id).toBe(video.id);
  });

  test("a creator's page has their videos, newest first, and nobody else's", async () => {
    const ben = await server.register();
    const own = await ben.settled((await ben.publish(freshClip(), "ben's")).id);
    const of = async (person: Person, query = "") =>
      body(await server.api<Page<Video>>("GET", `/users/${person.id}/videos${query}`));
    expect(await of(ben)).toMatchObject({
      items: [{ id: own.id, author: { id: ben.id } }],
      nextCursor: null,
    });
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: Page<Video> = await of(ada, `?limit=15${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.items.map((item) => item.id));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(newestFirst);
    expect(body(await server.api<Schemas["User"]>("GET", `/users/${ada.id}`)).counts.videos).toBe(41);
    expect((await ben.delete(`/videos/${own.id}`)).status).toBe(204);
  });

  test("invalid limits and cursors are refused with the name of the parameter", async () => {
    for (const limit of ["0", "51", "-1", "x", "1.5", ""]) {
      const problem = expectProblem(await server.api("GET", `/feed?limit=${limit}`), 422, "INVALID_ARGUMENT");
      expect(problem.detail).toContain("limit");
    }
    for (const cursor of ["x", "1-", "-1", "1-99999999999999999999", "1-2-3", "'; drop table video"])
      expectProblem(
        await server.api("GET", `/feed?cursor=${encodeURIComponent(cursor)}`),
        422,
        "CURSOR_INVALID",
      );
  });

  describe("media", () => {
    const get = (headers: Record<string, string>, method = "GET") =>
      fetch(video.playUrl!, { method, headers });
    let whole: Buffer;
    let etag: string;

    beforeAll(async () => {
      const answer = await get({});
      expect(answer.status).toBe(200);
      etag = answer.headers.get("etag")!;
      whole = Buffer.from(await answer.arrayBuffer());
    });

    test("is named by its content, and browsers keep it while caches between ask whether it is still public", async () => {
      const answer = await get({}, "HEAD");
      expect(answer.status).toBe(200);
      expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, s-maxage=0, immutable");
      expect(answer.headers.get("accept-ranges")).toBe("bytes");
      expect(answer.headers.get("content-type")).toBe("video/mp4");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("content-length")).toBe(String(whole.length));
      expect(await answer.text()).toBe("");
      const { createHash } = await import("node:crypto");
      expect(etag).toBe(`"${createHash("sha256").update(whole).digest("hex")}"`);
    });

    test.each([
      ["bytes=0-0", 0, 0],
      ["bytes=0-99", 0, 99],
      ["bytes=100-", 100, Number.POSITIVE_INFINITY],
      ["bytes=-5", -5, Number.POSITIVE_INFINITY],
      ["bytes=5-999999999", 5, Number.POSITIVE_INFINITY],
      ["bytes=-999999999", 0, Number.POSITIVE_INFINITY],
    ])("a part is sent when asked for: %s", async (range, from, to) => {
      const answer = await get({ range });
      expect(answer.status).toBe(206);
      const start = from < 0 ? whole.length + from : from;
      const end = Math.min(to, whole.length - 1);
      expect(answer.headers.get("content-range")).toBe(`bytes ${start}-${end}/${whole.length}`);
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(whole.subarray(start, end + 1));
    });

    test.each(["bytes=999999999-", "bytes=-0"])("a part outside is refused: %s", async (range) => {
      const answer = await get({ range });
      expect(answer.status).toBe(416);
      expect(answer.headers.get("content-range")).toBe(`bytes */${whole.length}`);
    });

    test.each([
      "bytes=5-2",
      "bytes=a-b",
      "lines=1-2",
      "bytes=0-1,5-9",
      "bytes=-",
      "bytes=0-9999999999999999999",
    ])("an invalid range gives the whole: %s", async (range) => {
      const answer = await get({ range });
      expect(answer.status).toBe(200);
      expect((await answer.arrayBuffer()).byteLength).toBe(whole.length);
    });

    test("a client that has it gets 304, one with another version gets it whole", async () => {
      for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"])
        expect((await get({ "if-none-match": known })).status, known).toBe(304);
      expect((await get({ "if-none-match": '"x"' })).status).toBe(200);
      expect((await get({ range: "bytes=0-9", "if-range": etag })).status).toBe(206);
      expect((await get({ range: "bytes=0-9", "if-range": '"x"' })).status).toBe(200);
    });

    test("a viewer who leaves in the middle leaves nothing behind", async () => {
      for (let i = 0; i < 20; i++) {
        await new Promise<void>((resolve) => {
          const asked = request(video.playUrl!, (answer) => {
            answer.once("data", () => {
              asked.destroy();
              resolve();
            });
          });
          asked.on("error", () => {});
          asked.end();
        });
      }
      expect((await get({})).status).toBe(200);
    });

    test("a default picture has a type, a length and a long life", async () => {
      const answer = await send("GET", ada.session.user.avatarUrl);
      expect(answer.headers.get("content-type")).toBe("image/png");
      expect(answer.headers.get("cache-control")).toContain("immutable");
    });
  });
});
