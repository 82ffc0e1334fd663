import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { cutOffClip, freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

describe.each(shapes)("publishing, %s", (shape) => {
  const server = scenario(shape);

  test("a file becomes a video that everybody can play", async () => {
    const ada = await server.register();
    const upload = body(await ada.upload(freshClip("recorder.webm")), 201);
    expect(upload.durationMs).toBeGreaterThan(500);
    expect(upload.width * upload.height).toBeGreaterThan(0);
    const json = { uploadId: upload.id, title: "  Hello 豆芽 " };
    const asked = body(await ada.post<Video>("/videos", { json }), 201);
    expect(asked).toMatchObject({ title: "Hello 豆芽", failure: null, author: { id: ada.id } });
    expect(["uploaded", "processing", "published"]).toContain(asked.state);

    const video = await ada.settled(asked.id);
    expect(video).toMatchObject({ state: "published", progress: 1, counts: { likes: 0, comments: 0 } });
    expect(Date.parse(video.publishedAt!)).toBeGreaterThanOrEqual(Date.parse(video.createdAt));
    const play = await send("GET", video.playUrl!);
    expect(play.headers.get("content-type")).toBe("video/mp4");
    expect(Number(play.headers.get("content-length"))).toBe(video.sizeBytes);
    expect((await send("GET", video.coverUrl!)).headers.get("content-type")).toBe("image/jpeg");
    expect(body(await server.api<Video>("GET", `/videos/${video.id}`))).toEqual({
      ...video,
      // For the author alone: what to choose from, and how it was made.
      coverTimesMs: [],
      steps: [],
      // Signed for its viewer, who is counted.
      downloadUrl: video.downloadUrl!.replace(/\?.*/, ""),
      author: { ...video.author, counts: { ...video.author.counts, videos: 1 } },
    });
  });

  test("before it is published only its author sees it", async () => {
    const ada = await server.register();
    const asked = await ada.publish(freshClip("hevc-10bit-mono.mov"));
    const guests = await server.api<Video>("GET", `/videos/${asked.id}`);
    // Asked for later: where it is not published now, it was not then.
    const mine = await ada.get<Video>(`/videos/${asked.id}`);
    const state = body(mine).state;
    if (state !== "published") {
      expectProblem(guests, 404, "VIDEO_NOT_FOUND");
      expect(body(mine)).toMatchObject({ playUrl: null, coverUrl: null, publishedAt: null });
    }
    expect((await ada.settled(asked.id)).state).toBe("published");
  });

  test("publishing the same upload again, even at the same time, is the same video", async () => {
    const ada = await server.register();
    const upload = body(await ada.upload(freshClip()), 201);
    const ask = (title: string) => ada.post<Video>("/videos", { json: { uploadId: upload.id, title } });
    const answers = await Promise.all(["one", "two", "three", "four"].map(ask));
    const ids = new Set(answers.map((answer) => body(answer, 201).id));
    expect(ids.size).toBe(1);
    const [id] = [...ids];
    await ada.settled(id!);
    expect(body(await ask("five"), 201).id).toBe(id);
    const { items } = body(await ada.get<Page<Video>>("/me/videos"));
    expect(items.map((video) => video.id)).toEqual([id]);
    expect(body(await ada.get<Schemas["User"]>("/me")).counts.videos).toBe(1);
  });

  test("nobody publishes another's upload", async () => {
    const [ada, eve] = [await server.register(), await server.register()];
    const upload = body(await ada.upload(freshClip()), 201);
    const json = { uploadId: upload.id, title: "mine" };
    expectProblem(await eve.post("/videos", { json }), 404, "UPLOAD_NOT_FOUND");
    expectProblem(await server.api("POST", "/videos", { json }), 401, "LOGIN_REQUIRED");
    body(await ada.post("/videos", { json }), 201);
  });

  test("an original is served to nobody by its content, neither before it is published nor afterwards", async () => {
    const ada = await server.register();
    const file = freshClip();
    const sha256 = createHash("sha256").update(file).digest("hex");
    const served = async () => {
      const names = ["source", "video", "cover", "staging", "upload"].flatMap((namespace) =>
        ["bin", "mp4", "jpg"].map((ending) => `/media/${namespace}/${sha256}.${ending}`),
      );
      const answers = await Promise.all(
        names.flatMap((name) =>
          [undefined, ada.session.accessToken].map((token) =>
            send("GET", `${server.origin}${name}`, { token }).then(({ status }) => [name, status]),
          ),
        ),
      );
      return answers.filter(([, status]) => status !== 404);
    };
    const upload = body(await ada.upload(file), 201);
    expect(await served()).toEqual([]);
    const json = { uploadId: upload.id, title: "A title" };
    const asked = body(await ada.post<Video>("/videos", { json }), 201);
    const video = await ada.settled(asked.id);
    expect((await send("GET", video.playUrl!)).status).toBe(200);
    expect(await served()).toEqual([]);
  });

  test("one deletes one's own videos, at any moment, and nobody else's", async () => {
    const [ada, eve] = [await server.register(), await server.register()];
    // Nobody else publishes this clip, so nobody else uses its cover.
    const video = await ada.settled((await ada.publish(freshClip("three-scenes.mp4"))).id);
    expectProblem(await eve.delete(`/videos/${video.id}`), 403, "NOT_YOURS");
    expectProblem(await server.api("DELETE", `/videos/${video.id}`), 401, "LOGIN_REQUIRED");
    expect((await ada.delete(`/videos/${video.id}`)).status).toBe(204);
    expectProblem(await ada.get(`/videos/${video.id}`), 404, "VIDEO_NOT_FOUND");
    expectProblem(await ada.delete(`/videos/${video.id}`), 404, "VIDEO_NOT_FOUND");
    expect(body(await ada.get<Schemas["User"]>("/me")).counts.videos).toBe(0);
    await until("the files are gone", async () => (await send("GET", video.playUrl!)).status === 404);
    await until("the cover is gone", async () => (await send("GET", video.coverUrl!)).status === 404);

    const half = await ada.publish(freshClip("odd-surround.webm"));
    const early = await eve.delete(`/videos/${half.id}`);
    expect([403, 404]).toContain(early.status);
    // Where it is not published now, it was not then.
    if (body(await ada.get<Video>(`/videos/${half.id}`)).state !== "published")
      expectProblem(early, 404, "VIDEO_NOT_FOUND");
    expect((await ada.delete(`/videos/${half.id}`)).status).toBe(204);
    expect(body(await ada.get<Page<Video>>("/me/videos")).items).toEqual([]);
  });

  test("two people may publish the same file; deleting one video leaves the other", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    const file = freshClip();
    const one = await ada.settled((await ada.publish(file)).id);
    const other = await ben.settled((await ben.publish(file)).id);
    expect(other.playUrl).toBe(one.playUrl);
    expect((await ada.delete(`/videos/${one.id}`)).status).toBe(204);
    // A second job comes after the first one, so when its file is gone the other's would be too.
    const last = await ada.settled((await ada.publish(freshClip())).id);
    await ada.delete(`/videos/${last.id}`);
    await until("the later file is gone", async () => (await send("GET", last.playUrl!)).status === 404);
    expect((await send("GET", other.playUrl!)).status).toBe(200);
    expect((await send("GET", other.coverUrl!)).status).toBe(200);
  });

  test("a failure in the pipeline is shown with its reason, to its author alone", async () => {
    const ada = await server.register();
    const asked = await ada.publish(cutOffClip());
    const video = await ada.settled(asked.id);
    expect(video).toMatchObject({ state: "failed", playUrl: null, coverUrl: null, publishedAt: null });
    expect(video.failure?.reason).toBe("VIDEO_DAMAGED");
    expect(video.failure?.message).toMatch(/\.$/);
    expectProblem(await server.api("GET", `/videos/${video.id}`), 404, "VIDEO_NOT_FOUND");
    expect(body(await server.api<Page<Video>>("GET", `/users/${ada.id}/videos`)).items).toEqual([]);
    expect(body(await ada.get<Schemas["User"]>("/me")).counts.videos).toBe(0);
    expect((await ada.delete(`/videos/${video.id}`)).status).toBe(204);
  });

  test("the own list shows every state, page by page", async () => {
    const ada = await server.register();
    const made: string[] = [];
    for (let i = 0; i < 3; i++) {
      const { id } = await ada.publish(freshClip(), `number ${i}`);
      made.push((await ada.settled(id)).id);
    }
    const first = body(await ada.get<Page<Video>>("/me/videos?limit=2"));
    expect(first.items.map((video) => video.id)).toEqual([made[2], made[1]]);
    const second = body(await ada.get<Page<Video>>(`/me/videos?limit=2&cursor=${first.nextCursor}`));
    expect(second).toMatchObject({ items: [{ id: made[0] }], nextCursor: null });
    // A cursor of an earlier release.
    const third = body(await ada.get<Page<Video>>(`/me/videos?limit=2&cursor=${made[1]}`));
    expect(third).toMatchObject({ items: [{ id: made[0] }], nextCursor: null });
  });
});
