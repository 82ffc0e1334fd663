import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { clip, freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { listFiles } from "./harness/list-files.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { nowAndThenMs, until } from "./harness/within.ts";

type Video = Schemas["Video"];

describe.each(shapes)("HLS, %s", (shape) => {
  const server = scenario(shape, { env: { DOUYA_RUNGS: "90,180" } });
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
    expect((await ada.delete(`/videos/${other.id}`)).status).toBe(204);
  });

  test("its playlists obey the rules: durations, boundaries, codecs, and ranges of whole fragments", async () => {
    const master = await playlist(video.hlsUrl!);
    expect(master.slice(0, 3)).toEqual(["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]);
    const variants = master.slice(3);
    expect(variants.filter((line) => !line.startsWith("#"))).toEqual(["90.m3u8", "180.m3u8"]);
    const boundaries: string[][] = [];
    for (let at = 0; at < variants.length; at += 2) {
      const url = new URL(variants[at + 1]!, video.hlsUrl!).href;
      const lines = await playlist(url);
      expect(lines[0]).toBe("#EXTM3U");
      expect(lines.at(-1)).toBe("#EXT-X-ENDLIST");
      for (const tag of ["#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS", "#EXT-X-PLAYLIST-TYPE:VOD"])
        expect(lines).toContain(tag);
      const [, path, initBytes] =
        /#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@0"/.exec(lines.join("\n")) ?? expect.fail("no map");
      const file = Buffer.from(await (await fetch(new URL(path!, url))).arrayBuffer());
      const type = (from: number) => file.toString("latin1", from + 4, from + 8);
      expect(type(0)).toBe("ftyp");
      expect(type(file.readUInt32BE(0))).toBe("moov");
      let end = Number(initBytes);
      let peak = 0;
      const durations = lines.flatMap((line) => /^#EXTINF:([\d.]+),/.exec(line)?.[1] ?? []);
      const ranges = lines.flatMap((line) => {
        const [, bytes, from] = /^#EXT-X-BYTERANGE:(\d+)@(\d+)$/.exec(line) ?? [];
        return bytes ? [{ bytes: Number(bytes), from: Number(from) }] : [];
      });
      expect(ranges).toHaveLength(durations.length);
      for (const [i, { bytes, from }] of ranges.entries()) {
        expect([from, type(from)]).toEqual([end, "moof"]);
        // The index and its data, nothing else.
        const index = file.readUInt32BE(from);
        expect([type(from + index), index + file.readUInt32BE(from + index)]).toEqual(["mdat", bytes]);
        end = from + bytes;
        peak = Math.max(peak, (bytes * 8) / Number(durations[i]));
      }
      expect(end).toBe(file.length);
      const target = Number(lines.join("\n").match(/#EXT-X-TARGETDURATION:(\d+)/)?.[1]);
      for (const duration of durations) expect(Math.round(Number(duration))).toBeLessThanOrEqual(target);
      boundaries.push(durations);
      const attributes = variants[at]!;
      const avcC = file.indexOf("avcC") + 4;
      expect(attributes).toContain(`CODECS="avc1.${file.toString("hex", avcC + 1, avcC + 4)},mp4a.40.2"`);
      const rung = video.renditions[at / 2]!;
      expect(attributes).toContain(`RESOLUTION=${rung.width}x${rung.height},FRAME-RATE=`);
      const number = (name: string) => Number(new RegExp(`[:,]${name}=(\\d+)`).exec(attributes)?.[1]);
      expect(number("BANDWIDTH")).toBe(Math.ceil(peak));
      expect(Math.abs(number("AVERAGE-BANDWIDTH") - rung.bitrate)).toBeLessThanOrEqual(1);
    }
    expect(boundaries[0]).toEqual(["1.000000", "1.000000", "2.000000", "2.000000", "2.000000"]);
    expect(boundaries[1]).toEqual(boundaries[0]);
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

  test("of a video that is not public nobody gets playlists and rungs any more, and all of it when it is again", async () => {
    const [, rung] = /#EXT-X-MAP:URI="([^"]+)"/.exec(
      (await playlist(mediaUrl(video.id, "90.m3u8"))).join("\n"),
    )!;
    const files = [
      video.hlsUrl!,
      mediaUrl(video.id, "90.m3u8"),
      new URL(rung!, mediaUrl(video.id, "90.m3u8")).href,
    ];
    const statuses = () => Promise.all(files.map(async (url) => (await send("GET", url)).status));
    const become = (visibility: string) => ada.patch<Video>(`/videos/${video.id}`, { json: { visibility } });
    expect(await statuses()).toEqual([200, 200, 200]);
    for (const visibility of ["unlisted", "friends", "private"]) {
      expect(body(await become(visibility))).toMatchObject({ visibility, hlsUrl: null });
      expect(await statuses()).toEqual([404, 404, 404]);
      expect(body(await become("public")).hlsUrl).toBe(video.hlsUrl);
      expect(await statuses()).toEqual([200, 200, 200]);
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
    const before = await blobs();
    // The work cannot end before it is killed, however fast.
    const holder = new pg.Client({ connectionString: databaseUrl });
    await holder.connect();
    await holder.query("begin; lock table video.rendition in share mode");
    const { id } = await ada.publish(clip("rgb-silent.webm"));
    const running = async () =>
      (await queryOnce(databaseUrl, `select from video.video where id = ${id} and ladder = 'running'`))
        .length > 0;
    await until("the work", running);
    await programOf("video").kill();
    await holder.end();
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
