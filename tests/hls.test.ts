import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { brokenStreams } from "./harness/broken-streams.ts";
import { clip, freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { holdTable } from "./harness/hold-locks.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { listFiles } from "./harness/list-files.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { expiredQuery } from "./harness/signed-query.ts";
import { type Stream, streamProblems, streamRules } from "./harness/stream-problems.ts";
import { nowAndThenMs, soonMs, until } from "./harness/within.ts";

type Video = Schemas["Video"];
const secret = "a secret of more than 32 bytes, for tests alone";

describe.each(shapes)("HLS, %s", (shape) => {
  const server = scenario(shape, { env: { DOUYA_RUNGS: "90,180", DOUYA_CLUSTER_SECRET: secret } });
  let ada: Person;
  let video: Video;
  /** But drafts of a killed worker, which are swept later. */
  const blobs = async () =>
    (await listFiles(join(server.deployment.dataDir, "blobs"))).filter((path) => !path.includes("staging"));
  const improved = (id: string) =>
    until(
      "the rungs",
      async () => {
        const now = body(await server.api<Video>("GET", `/videos/${id}`));
        return now.hlsUrl !== null && now;
      },
      nowAndThenMs,
    );
  const playlist = async (url: string) => {
    const answer = await send<string>("GET", url);
    expect(answer.headers.get("content-type")).toBe("application/vnd.apple.mpegurl");
    return body(answer).trimEnd().split("\n");
  };
  /** As a player gets it. */
  async function streamOf(masterUrl: string): Promise<Stream> {
    const stream: Stream = { master: (await playlist(masterUrl)).join("\n"), rungs: {} };
    for (const uri of stream.master.match(/^[^#].*$/gm)!) {
      const url = new URL(uri, masterUrl).href;
      const lines = await playlist(url);
      const file = await fetch(new URL(lines.find((line) => !line.startsWith("#"))!, url));
      stream.rungs[uri] = { playlist: lines.join("\n"), file: Buffer.from(await file.arrayBuffer()) };
    }
    return stream;
  }
  const mediaUrl = (id: string, file: string) => `${server.origin}/media/hls/${id}/${file}`;

  beforeAll(async () => {
    ada = await server.register();
    const published = await ada.settled((await ada.publish(clip("upright-8s.mp4"))).id);
    expect(published.playUrl).not.toBeNull();
    video = await improved(published.id);
  });

  test("a video says what it has, and a page of a feed that was cached before says so too", async () => {
    expect(video).toMatchObject({
      state: "published",
      thumbHash: expect.stringMatching(/^[A-Za-z0-9+/]{20,40}={0,2}$/),
      hlsUrl: mediaUrl(video.id, "master.m3u8"),
      // Anybody asks.
      steps: [{ name: "renditions", state: "done", done: 2, total: 2, since: null }],
      renditions: [
        { shortSide: 90, width: 90, height: 160, bitrate: expect.any(Number) },
        { shortSide: 180, width: 180, height: 320, bitrate: expect.any(Number) },
      ],
    });
    const { steps } = body(await ada.get<Video>(`/videos/${video.id}`));
    expect(steps).toMatchObject([
      { name: "processing", state: "done", done: 1, total: 1, failure: null, nextTryAt: null },
      { name: "renditions", state: "done", done: 2, total: 2, failure: null, nextTryAt: null },
    ]);
    for (const { since } of steps)
      expect(Date.parse(since!)).toBeGreaterThanOrEqual(Date.parse(video.createdAt));
    const shown = async (id: string) => {
      const { items } = body(await server.api<Page<Video>>("GET", "/feed?limit=5"));
      return items.find((item) => item.id === id);
    };
    const other = await ada.settled((await ada.publish(freshClip())).id);
    expect(await shown(other.id)).toBeDefined();
    const seen = await improved(other.id);
    expect(await until("the page", async () => (await shown(other.id))?.hlsUrl)).toBe(seen.hlsUrl);
    expect(streamProblems(await streamOf(seen.hlsUrl!))).toEqual([]);
    expect((await ada.delete(`/videos/${other.id}`)).status).toBe(204);
  });

  test("its playlists and rungs obey the rules, which can be broken", async () => {
    const stream = await streamOf(video.hlsUrl!);
    expect(streamProblems(stream)).toEqual([]);
    expect(Object.keys(stream.rungs)).toEqual(["90.m3u8", "180.m3u8"]);
    const attributes = stream.master.match(/^#EXT-X-STREAM-INF.*$/gm)!;
    for (const [at, { width, height, bitrate }] of video.renditions.entries())
      for (const [name, value] of Object.entries({
        RESOLUTION: `${width}x${height}`,
        "AVERAGE-BANDWIDTH": bitrate,
      }))
        expect(attributes[at]).toContain(`,${name}=${value}`);
    for (const { playlist } of Object.values(stream.rungs))
      expect([...playlist.matchAll(/^#EXTINF:(.*),$/gm)].map(([, seconds]) => seconds)).toEqual([
        ...["1.000000", "1.000000", "1.000000", "1.000000", "2.000000", "2.000000"],
      ]);
    const unbroken = new Set(streamRules);
    for (const [rule, breaks] of brokenStreams) {
      const broken = structuredClone(stream);
      for (const [uri, { playlist, file }] of Object.entries(stream.rungs))
        broken.rungs[uri] = { playlist, file: Buffer.from(file) };
      breaks(broken);
      expect(
        streamProblems(broken).map((problem) => problem.rule),
        breaks.toString(),
      ).toContain(rule);
      unbroken.delete(rule);
    }
    expect([...unbroken]).toEqual([]);
  });

  test("it plays from the running server to its full length", async (ctx) => {
    for (const name of ["master.m3u8", "90.m3u8", "180.m3u8"]) {
      const output = ["-map", "0:v:0", "-map", "0:a:0", "-f", "framecrc", "-"];
      const args = ["-v", "warning", "-i", mediaUrl(video.id, name), ...output];
      const { stdout, stderr } = await promisify(execFile)("ffmpeg", args).catch((error) => {
        if (error.code === "ENOENT") ctx.skip("needs ffmpeg on the PATH");
        throw error;
      });
      expect(stderr).toBe("");
      const pictures = stdout.split("\n").filter((line) => line.startsWith("0,"));
      const source = await promisify(execFile)("ffprobe", [
        ...["-v", "error", "-count_packets", "-select_streams", "v"],
        ...["-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", video.playUrl!],
      ]);
      expect(pictures).toHaveLength(Number(source.stdout.trim().replace(/,$/, "")));
    }
  });

  describe("of what is not public", () => {
    /** All addresses of a video's stream, as a player comes to them, and of its storyboard. */
    async function addresses({ hlsUrl, storyboardUrl }: Video): Promise<string[]> {
      const named = async (url: string, pattern: RegExp) =>
        [...(await send("GET", url)).text.matchAll(pattern)].map(([, uri]) => new URL(uri!, url).href);
      const rungs = await named(hlsUrl!, /^([^#].*)$/gm);
      const files = await Promise.all(rungs.map((rung) => named(rung, /^([^#].*)$/gm)));
      const pictures = await named(storyboardUrl!, /^(\S+)#xywh/gm);
      return [...new Set([hlsUrl!, ...rungs, ...files.flat(), storyboardUrl!, ...pictures])];
    }
    const statuses = (urls: string[]) =>
      Promise.all(
        urls.map(async (url) => (await send("GET", url, { headers: { range: "bytes=0-9" } })).status),
      );
    const all = (urls: string[], status: number) =>
      expect(statuses(urls)).resolves.toEqual(
        urls.map((url) => (status === 200 && /\.(mp4|jpg)/.test(url) ? 206 : status)),
      );
    const become = async (visibility: string, id = video.id) => {
      const changed = await ada.patch<Video>(`/videos/${id}`, { json: { visibility } });
      expect(body(changed)).toMatchObject({ visibility });
    };
    const seenBy = async (person?: Person) => {
      const path = `/videos/${video.id}`;
      return body(await (person ? person.get<Video>(path) : server.api<Video>("GET", path)));
    };
    let friend: Person;
    let plain: string[];
    beforeAll(async () => {
      friend = await server.register();
      for (const [one, other] of [
        [ada, friend],
        [friend, ada],
      ] as const)
        expect((await one.put(`/users/${other.id}/follow`)).status).toBeLessThan(300);
      plain = await addresses(video);
    });

    test("playlists, rungs and storyboard are at signed addresses, for whom they were given, as long as they may see it", async () => {
      // The playlists, a file of each of two rungs, the track and its picture.
      expect(plain).toHaveLength(7);
      await all(plain, 200);
      const given: Record<string, string[]> = {};
      for (const [visibility, viewer] of [
        ["unlisted", undefined],
        ["friends", friend],
        ["private", ada],
      ] as const) {
        await become(visibility);
        await all(plain, 404);
        const urls = await addresses(await seenBy(viewer));
        given[visibility] = urls;
        expect(urls.map((url) => url.split("?")[0])).toEqual(plain);
        const queries = urls.map((url) => Object.fromEntries(new URL(url).searchParams));
        for (const query of queries)
          expect(query).toMatchObject({
            video: video.id,
            viewer: viewer?.id ?? "0",
            until: queries[0]!.until,
          });
        await all(urls, 200);
        for (const url of urls)
          expect((await send("HEAD", url)).headers.get("cache-control")).toBe("private, no-cache");
      }
      await all([...given.unlisted!, ...given.friends!], 404);
      await become("friends");
      await all(given.friends!, 200);
      await all(given.unlisted!, 404);
      expect((await friend.delete(`/users/${ada.id}/follow`)).status).toBe(204);
      await all(given.friends!, 404);
      await all(given.private!, 200);
      expect((await friend.put(`/users/${ada.id}/follow`)).status).toBe(204);
      await all(given.friends!, 200);
      await become("public");
      expect(await addresses(await seenBy(friend))).toEqual(plain);
      await all(plain, 200);
      // Who has begun with a signed address goes on with it.
      await all(given.private!, 200);
    });

    test("a signature opens nothing else", async () => {
      const other = await improved((await ada.publish(clip("rgb-silent.webm"))).id);
      // It has no sound.
      expect(streamProblems(await streamOf(other.hlsUrl!))).toEqual([]);
      const others = await addresses(other);
      for (const id of [video.id, other.id]) await become("private", id);
      const urls = await addresses(await seenBy(ada));
      await all(urls, 200);
      const query = (at: number) => new URL(urls[at]!).search;
      const file = plain.findIndex((url) => url.endsWith(".mp4"));
      const changed = (at: number, name: string, value: string) => {
        const url = new URL(urls[at]!);
        url.searchParams.set(name, value);
        return url.href;
      };
      await all(
        [
          // Another video: its playlists, its rungs.
          ...others.flatMap((url) => urls.map((_, at) => url + query(at))),
          // A file by the signature of a playlist, of another file, and a playlist by that of a file.
          ...[plain[file]! + query(0), plain[file]! + query(file + 1), plain[0]! + query(file)],
          ...[0, file].flatMap((at) => [
            changed(at, "viewer", friend.id),
            changed(at, "viewer", "0"),
            changed(at, "video", other.id),
            changed(at, "until", "9999999999"),
            changed(at, "signature", ""),
            `${urls[at]}&signature=x`,
          ]),
        ],
        404,
      );
      await become("public");
      expect((await ada.delete(`/videos/${other.id}`)).status).toBe(204);
    });

    test("an expired address says so, to who has a right one only", async () => {
      await become("private");
      const expired = (url: string) => {
        const path = new URL(url).pathname.replace("/media/", "");
        const signedPath = /^(?:hls|download)\/\d+/.exec(path)?.[0] ?? path;
        return url + expiredQuery(secret, signedPath, video.id, ada.id);
      };
      const ended = [...plain, `${server.origin}/media/download/${video.id}`].map(expired);
      for (const url of ended) {
        expectProblem(await send("GET", url), 403, "MEDIA_URL_EXPIRED");
        expect((await send("GET", url.replace(/.$/, ""))).status).toBe(404);
      }
      await become("public");
      // What is open anyway needs no signature.
      await all(
        ended.filter((url) => /\.(mp4|jpg)/.test(url)),
        200,
      );
    });
  });

  test("beyond the end of a rung there is nothing, and what it has is told; also at a signed address", async () => {
    const rungUrl = mediaUrl(video.id, "90.m3u8");
    const rungOf = (lines: string[]) => lines.find((line) => !line.startsWith("#"))!;
    const plainUrl = new URL(rungOf(await playlist(rungUrl)), rungUrl).href;
    const { length } = Buffer.from(await (await fetch(plainUrl)).arrayBuffer());
    body(await ada.patch(`/videos/${video.id}`, { json: { visibility: "unlisted" } }));
    const { hlsUrl } = body(await server.api<Video>("GET", `/videos/${video.id}`));
    const signedRung = new URL(rungOf(await playlist(hlsUrl!)), hlsUrl!).href;
    const signedUrl = new URL(rungOf(await playlist(signedRung)), signedRung).href;
    body(await ada.patch(`/videos/${video.id}`, { json: { visibility: "public" } }));
    expect(signedUrl.split("?")[0]).toBe(plainUrl);
    for (const url of [plainUrl, signedUrl]) {
      const ask = (method: string, range: string) => send(method, url, { headers: { range } });
      for (const range of [`${length}-`, `${length}-${length}`, `${length + 5}-${length + 9}`, "-0"])
        for (const method of ["GET", "HEAD"]) {
          const { status, headers, text } = await ask(method, `bytes=${range}`);
          expect([status, headers.get("content-range"), text]).toEqual([416, `bytes */${length}`, ""]);
        }
      const { status, headers } = await ask("GET", `bytes=${length - 3}-${length + 9}`);
      expect([status, headers.get("content-range"), headers.get("content-length")]).toEqual([
        ...[206, `bytes ${length - 3}-${length - 1}/${length}`, "3"],
      ]);
    }
  });

  test("what is not there is told as for any file, and never cached", async () => {
    const get = (path: string) => send("GET", `${server.origin}/media/hls/${path}`);
    expectProblem(await get("1/master.m3u8"), 404, "VIDEO_NOT_FOUND");
    expectProblem(await get("x/master.m3u8"), 404, "VIDEO_NOT_FOUND");
    expectProblem(await get(`${video.id}/720.m3u8`), 404, "NOT_FOUND");
    for (const name of ["0.m3u8", "master.m3u", "..%2fmaster.m3u8", "90.m3u8.m3u8", `${"9".repeat(99)}.m3u8`])
      expectProblem(await get(`${video.id}/${name}`), 404, "NOT_FOUND");
    const { headers } = await send("GET", video.hlsUrl!);
    expect(headers.get("cache-control")).toBe("no-cache");
    const head = await send("HEAD", video.hlsUrl!);
    expect([head.status, head.text]).toEqual([200, ""]);
  });

  test("a worker that is killed while it makes the rungs leaves them to the next one, which tells it once", async () => {
    const { programOf, restart, databaseUrl } = server.deployment;
    // Files of videos that tests before have deleted go a moment later.
    const removals = "select from video.job where kind = 'remove-blob'";
    await until(
      "nothing is being removed",
      async () => (await queryOnce(databaseUrl, removals)).length === 0,
    );
    const before = await blobs();
    // The work cannot end before it is killed, however fast.
    const release = await holdTable(databaseUrl, "video.rendition");
    const { id } = await ada.publish(clip("rgb-silent.webm"));
    const running = async () =>
      (await queryOnce(databaseUrl, `select from video.video where id = ${id} and ladder = 'running'`))
        .length > 0;
    await until("the work", running, soonMs);
    await programOf("video").kill();
    await release();
    expect(await running()).toBe(true);
    await restart("video");
    const { renditions } = await improved(id);
    expect(renditions).toHaveLength(2);
    const told = `select from events.log where type = 'video.improved.v1' and key = '${id}'`;
    expect(await queryOnce(databaseUrl, told)).toHaveLength(1);
    // Its source, its MP4, its cover and its storyboard besides.
    await until("nothing else is left", async () => (await blobs()).length === before.length + 6);
    expect((await ada.delete(`/videos/${id}`)).status).toBe(204);
    await until("it is gone", async () => (await blobs()).length === before.length);
  });

  test("a deleted video has no playlists any more, and no blobs; so has that of a deleted account", async () => {
    const [rung] = (await playlist(mediaUrl(video.id, "90.m3u8"))).filter((line) => line.endsWith(".mp4"));
    const blobUrl = new URL(rung!, video.hlsUrl!).href;
    expect((await ada.delete(`/videos/${video.id}`)).status).toBe(204);
    for (const name of ["master.m3u8", "90.m3u8"])
      expectProblem(await send("GET", mediaUrl(video.id, name)), 404, "VIDEO_NOT_FOUND");
    await until("no file is left", async () => (await blobs()).length === 0);
    expectProblem(await send("GET", blobUrl), 404, "NOT_FOUND");

    const ben = await server.register("correct horse");
    const his = await improved((await ben.publish(freshClip())).id);
    expect((await blobs()).length).toBeGreaterThan(2);
    expect((await ben.delete("/me", { json: { password: "correct horse" } })).status).toBeLessThan(300);
    await until("no file is left", async () => (await blobs()).length === 0);
    expect((await send("GET", his.hlsUrl!)).status).toBe(404);
  });
});
