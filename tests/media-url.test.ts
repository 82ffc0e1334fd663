import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { clip, freshClip } from "./harness/clips.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { body, type Page as PageOf, type Schemas, send } from "./harness/http-client.ts";
import { png } from "./harness/pictures.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { wholePage } from "./harness/whole-page.ts";
import { nowAndThenMs, until } from "./harness/within.ts";

type Video = Schemas["Video"];

/** What a CDN does: below a path of its own, it keeps whole files for as long as it is told, then asks by their ETag. */
async function startCdn(originOf: () => string) {
  const kept = new Map<string, { etag: string; headers: Headers; content: Buffer; untilMs: number }>();
  const asked: string[] = [];
  let status: number | undefined;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (status) return void response.writeHead(status).end();
    const path = request.url!.replace(/^\/cdn/, "");
    const { range } = request.headers;
    const own = range ? undefined : kept.get(path);
    if (own && own.untilMs > Date.now()) return reply(response, 200, own.headers, own.content);
    const headers = { ...(range && { range }), ...(own && { "if-none-match": own.etag }) };
    asked.push(`${request.method} ${path}`);
    const found = await fetch(originOf() + path, { method: request.method!, headers, redirect: "manual" });
    const seconds = Number(/s-maxage=(\d+)/.exec(found.headers.get("cache-control") ?? "")?.[1] ?? 0);
    if (own && found.status === 304) {
      own.untilMs = Date.now() + seconds * 1000;
      return reply(response, 200, own.headers, own.content);
    }
    kept.delete(path);
    const content = Buffer.from(await found.arrayBuffer());
    const etag = found.headers.get("etag");
    if (found.status === 200 && request.method === "GET" && etag && seconds > 0)
      kept.set(path, { etag, headers: found.headers, content, untilMs: Date.now() + seconds * 1000 });
    return reply(response, found.status, found.headers, content);
  }
  function reply(response: ServerResponse, code: number, headers: Headers, content: Buffer): void {
    const own = new Set([
      "content-encoding",
      "content-length",
      "connection",
      "keep-alive",
      "transfer-encoding",
    ]);
    for (const [name, value] of headers) if (!own.has(name)) response.setHeader(name, value);
    response.writeHead(code, { "content-length": content.length }).end(content);
  }
  const server = createServer((request, response) => {
    buffer(request)
      .then(() => answer(request, response))
      .catch(() => response.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    url: `${origin}/cdn`,
    asked,
    /** Answers nothing but this from now on; undefined: as before. */
    answerOnly(now: number | undefined) {
      status = now;
    },
    close: () => server.close(),
  };
}

describe("with a CDN in front of public files", () => {
  let cdn: Awaited<ReturnType<typeof startCdn>>;
  let deployment: Deployment;
  let ada: Person;
  let film: Video;
  let pictures: Video;
  const server = scenarioOf(() => deployment);
  const browser = browsing();

  beforeAll(async () => {
    cdn = await startCdn(() => deployment.origin);
    deployment = await deploy("all", {
      env: { DOUYA_RUNGS: "90,180", DOUYA_MEDIA_URL: cdn.url, DOUYA_MEDIA_CACHE_SECONDS: "1" },
    });
    ada = await server.register();
    const { id } = body(await ada.upload(png(64, 48)), 201);
    const posted = await ada.post<Video>("/videos", {
      json: { title: "Still", pictures: [{ uploadId: id }] },
    });
    pictures = await ada.settled(body(posted, 201).id);
    film = await improved(await ada.publish(clip("upright-8s.mp4"), "Moving"));
  });
  afterAll(async () => {
    await deployment?.remove();
    cdn?.close();
  });
  async function improved({ id }: Video): Promise<Video> {
    await ada.settled(id);
    const look = async () => {
      const video = body(await ada.get<Video>(`/videos/${id}`));
      return video.hlsUrl !== null && video;
    };
    return until("the rungs", look, nowAndThenMs);
  }
  const isThere = (url: string | null | undefined) => expect(url).toMatch(new RegExp(`^${cdn.url}/media/`));

  test("the URLs of public files lead there in every answer, and all others here", async () => {
    for (const url of [film.playUrl, film.coverUrl, film.hlsUrl, film.storyboardUrl, film.author.avatarUrl])
      isThere(url);
    isThere(film.author.backgroundUrl);
    for (const { sizes } of pictures.pictures) for (const { url } of sizes) isThere(url);
    expect(film.downloadUrl).toMatch(new RegExp(`^${server.origin}/media/download/`));
    const ours = { headers: { "douya-urls": "paths" } };
    const { items } = body(await server.api<PageOf<Video>>("GET", "/feed", ours));
    for (const { playUrl, coverUrl } of items) for (const url of [playUrl, coverUrl]) if (url) isThere(url);
    expect(items.some(({ playUrl }) => playUrl)).toBe(true);
    type Classic = { video_list: { play_url: string; cover_url: string; author: { avatar: string } }[] };
    const { video_list } = body(await send<Classic>("GET", `${server.origin}/douyin/feed/`));
    expect(video_list.length).toBeGreaterThan(0);
    for (const { play_url, cover_url, author } of video_list)
      for (const url of [play_url, cover_url, author.avatar]) isThere(url);
    const { text: page } = await wholePage(`${server.origin}/video/${film.id}`);
    expect(page).toContain(`property="og:video" content="${film.playUrl}"`);
    expect(page).toContain(`<video class="stage-video" src="${film.playUrl}"`);
  });

  test("pages of other origins may read public files there, in parts, and what is fetched leads on there", async () => {
    const text = async (url: string) => {
      const answer = await fetch(url);
      expect([answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
      return answer.text();
    };
    const linesOf = (playlist: string) =>
      playlist.split("\n").filter((line) => line && !line.startsWith("#"));
    const [rung] = linesOf(await text(film.hlsUrl!));
    const rungUrl = new URL(rung!, film.hlsUrl!).href;
    const [fragment] = linesOf(await text(rungUrl));
    const fragmentUrl = new URL(fragment!, rungUrl).href;
    isThere(fragmentUrl);
    const sprite = /^(.+)#xywh/m.exec(await text(film.storyboardUrl!))![1]!;
    isThere(new URL(sprite, film.storyboardUrl!).href);
    const part = await fetch(fragmentUrl, { headers: { range: "bytes=0-99" } });
    expect([part.status, (await part.arrayBuffer()).byteLength]).toEqual([206, 100]);
    expect(part.headers.get("access-control-allow-origin")).toBe("*");
    const may = await fetch(fragmentUrl, {
      method: "OPTIONS",
      headers: { origin: server.origin, "access-control-request-headers": "range" },
    });
    expect(may.headers.get("access-control-allow-headers")).toBe("range");
  });

  test("it keeps a file only for so long without asking whether it is still public", async () => {
    const video = await improved(await ada.publish(freshClip(), "Not for long"));
    const { playUrl, hlsUrl } = video;
    const first = await fetch(playUrl!);
    expect(first.headers.get("cache-control")).toBe("public, max-age=31536000, s-maxage=1, immutable");
    expect((await first.arrayBuffer()).byteLength).toBe(video.sizeBytes);
    const path = new URL(playUrl!).pathname.replace(/^\/cdn/, "");
    cdn.asked.length = 0;
    await until("it asks again", async () => {
      expect((await fetch(playUrl!)).status).toBe(200);
      return cdn.asked.includes(`GET ${path}`);
    });
    const hidden = body(
      await ada.patch<Video>(`/videos/${video.id}`, { json: { visibility: "private" } }),
      200,
    );
    for (const url of [hidden.playUrl, hidden.hlsUrl])
      expect(url).toMatch(new RegExp(`^${server.origin}/media/.*signature=`));
    const own = await fetch(hidden.playUrl!);
    expect([own.status, own.headers.get("access-control-allow-origin")]).toEqual([200, null]);
    // Playlists are asked for each time.
    expect((await fetch(hlsUrl!)).status).toBe(404);
    await until("it is gone there", async () => (await fetch(playUrl!)).status === 404);
  });

  const shown = "document.querySelector('.slide[data-active=true] video')";
  const moves = (page: Page, shortSide: number) =>
    expect
      .poll(() =>
        page.evaluate(
          `(() => { const film = ${shown}; return Boolean(film && film.currentTime > 0 && Math.min(film.videoWidth, film.videoHeight) === ${shortSide}); })()`,
        ),
      )
      .toBe(true);

  test("our own page plays from there, as a file and as a stream, and shows pictures from there", async () => {
    const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, ada.session));
    visitor.expectOrigin(cdn.origin);
    const { page } = visitor;
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url()));
    await page.goto(`/video/${film.id}`);
    await moves(page, Math.min(film.width, film.height));
    await page.locator(".slide[data-active=true]").getByRole("button", { name: en.moreActions }).click();
    await page.getByRole("button", { name: en.quality }).click();
    await page.getByRole("radio", { name: "90p" }).check();
    await page.keyboard.press("Escape");
    await moves(page, 90);
    expect(asked.filter((url) => url.startsWith(`${cdn.url}/media/hls/`))).not.toEqual([]);
    await page.goto(`/video/${pictures.id}`);
    await expect
      .poll(() => asked.some((url) => pictures.pictures[0]!.sizes.some((size) => size.url === url)))
      .toBe(true);
    expect(asked.filter((url) => url.startsWith(`${server.origin}/media/`))).toEqual([]);
  });

  test("douya doctor says whether it leads here", async () => {
    const [nobody] = await freePorts(1);
    const doctor = async (mediaUrl: string) => {
      const program = startProgram(["doctor"], {
        DOUYA_DATA: deployment.dataDir,
        DOUYA_DATABASE_URL: deployment.databaseUrl,
        DOUYA_MEDIA_URL: mediaUrl,
      });
      await program.ended;
      return program.answer();
    };
    expect(await doctor(cdn.url)).toMatch(/^ok +CDN .* leads to this server$/m);
    cdn.answerOnly(403);
    expect(await doctor(cdn.url)).toMatch(/^MEND +CDN .*does not lead to this server: it answers 403/m);
    cdn.answerOnly(undefined);
    expect(await doctor(`http://127.0.0.1:${nobody}`)).toMatch(/^MEND +CDN .*does not answer/m);
  });
});
