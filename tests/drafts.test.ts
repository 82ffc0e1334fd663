import { beforeAll, describe, expect, test } from "vitest";
import { classicClient, videosOf } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { png } from "./harness/pictures.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { wholePage } from "./harness/whole-page.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

describe.each(shapes)("drafts, %s", (shape) => {
  const server = scenario(shape);
  const classic = classicClient(() => server.origin);
  let ada: Person;
  let fan: Person;

  beforeAll(async () => {
    [ada, fan] = [await server.register(), await server.register()];
    body(await fan.put(`/users/${ada.id}/follow`), 204);
    body(await fan.get("/feed/following"));
  });
  async function draft(more: object = { draft: true }): Promise<Video> {
    const upload = body(await ada.upload(freshClip()), 201);
    const json = { uploadId: upload.id, title: "Sown", ...more };
    return body(await ada.post<Video>("/videos", { json }), 201);
  }
  const works = async () => body(await fan.get<Schemas["User"]>(`/users/${ada.id}`)).counts.videos;
  const inList = async (person: Person, path: string, id: string) =>
    body(await person.get<Page<Video>>(path)).items.some((one) => one.id === id);
  const change = (id: string, json: object) => ada.patch<Video>(`/videos/${id}`, { json });

  /** By name: where a video is found by somebody. */
  async function foundBy(person: Person, { id, playUrl }: Video): Promise<string[]> {
    const query = { token: person.session.accessToken };
    const surfaces: Record<string, Promise<boolean>> = {
      video: person.get(`/videos/${id}`).then(({ status }) => status === 200),
      comments: person.get(`/videos/${id}/comments`).then(({ status }) => status === 200),
      like: person.put(`/videos/${id}/like`).then(({ status }) => status === 204),
      bookmark: person.put(`/videos/${id}/bookmark`).then(({ status }) => status === 204),
      comment: person
        .post(`/videos/${id}/comments`, { json: { text: "hm" } })
        .then(({ status }) => status === 201),
      feed: inList(person, "/feed?limit=50", id),
      following: inList(person, "/feed/following?limit=50", id),
      "author's videos": inList(person, `/users/${ada.id}/videos?limit=50`, id),
      "classic feed": classic
        .get("/feed/", query)
        .then((page) => videosOf(page).some(({ key }) => key === id)),
      "classic list": classic
        .get("/publish/list/", { ...query, user_id: ada.id })
        .then((page) => videosOf(page).some(({ key }) => key === id)),
      preview: wholePage(`${server.origin}/video/${id}`).then(({ text }) => text.includes(`/video/${id}"`)),
      file: send("GET", playUrl!.split("?")[0]!).then(({ status }) => status === 200),
    };
    const found = await Promise.all(
      Object.entries(surfaces).map(async ([name, there]) => ((await there) ? [name] : [])),
    );
    return found.flat();
  }

  test("are seen by nobody but their author, on no surface, until they are published; then by all", async () => {
    const before = await works();
    const made = await ada.settled((await draft()).id);
    expect(made).toMatchObject({ state: "ready", draft: true, publishAt: null, publishedAt: null });
    expect(await foundBy(fan, made)).toEqual([]);
    // Nor does it count as theirs for its author, who may look at it.
    expect(await foundBy(ada, made)).toEqual(["video", "comments"]);
    expect(await inList(ada, "/me/videos", made.id)).toBe(true);
    for (const url of [made.playUrl!, made.coverUrl!]) {
      expect(new URL(url).searchParams.has("signature")).toBe(true);
      expect((await send("GET", url)).status).toBe(200);
    }
    expect(made.hlsUrl).toBeNull();
    expect(await works()).toBe(before);
    const edited = body(
      await change(made.id, { title: "Grown", visibility: "private", commentsAllowed: false }),
    );
    expect(edited).toMatchObject({ title: "Grown", editedAt: null, draft: true, commentsAllowed: false });
    body(await change(made.id, { visibility: "public", commentsAllowed: true }));
    expect(await foundBy(fan, made)).toEqual([]);

    const published = body(await change(made.id, { draft: false }));
    expect(published).toMatchObject({ state: "published", draft: false, title: "Grown" });
    expect(Date.parse(published.publishedAt!)).toBeGreaterThan(Date.parse(made.createdAt));
    expect(await works()).toBe(before + 1);
    await until("it has come to its followers", () => inList(fan, "/feed/following", made.id));
    expect(await foundBy(fan, published)).toHaveLength(12);
    for (const again of [{ draft: true }, { publishAt: new Date(Date.now() + 3_600_000).toISOString() }])
      expectProblem(await change(made.id, { title: "Lost", ...again }), 409, "ALREADY_PUBLISHED");
    expect(body(await change(made.id, { draft: false, publishAt: null })).title).toBe("Grown");
  });

  test("are published at their time, also when the process died before it, and not earlier", async () => {
    const soon = new Date(Date.now() + 15_000).toISOString();
    const late = new Date(Date.now() + 3_600_000).toISOString();
    // One is being made when its time comes, perhaps; one had another time before; and one has lost its time.
    const [first, second, third] = [
      await draft({ publishAt: soon }),
      await draft({ publishAt: late, visibility: "unlisted" }),
      await draft({ publishAt: soon }),
    ];
    expect(first).toMatchObject({ draft: true, publishAt: soon });
    expect(body(await change(second.id, { publishAt: soon })).publishAt).toBe(soon);
    expect(body(await change(third.id, { publishAt: null }))).toMatchObject({ draft: true, publishAt: null });
    await server.deployment.programOf("video").kill();
    await server.deployment.restart("video");
    for (const { id } of [first, second]) {
      const published = await until("it is out", async () => {
        const video = (await ada.get<Video>(`/videos/${id}`)).body;
        return video.state === "published" && video;
      });
      expect(published).toMatchObject({ draft: false, publishAt: null });
      expect(Date.parse(published.publishedAt!)).toBeGreaterThanOrEqual(Date.parse(soon));
    }
    expect((await ada.settled(third.id)).state).toBe("ready");
    await until("followers find it", () => inList(fan, "/feed/following", first.id));
    expect(await inList(fan, "/feed/following", second.id)).toBe(false);
    expect((await fan.get(`/videos/${second.id}`)).status).toBe(200);
  });

  test("are published with a picture of theirs as the cover in one request, or nothing of it is done", async () => {
    const made = await ada.settled((await draft()).id);
    const long = { title: "x".repeat(201), coverAtMs: 500 };
    expectProblem(await change(made.id, { draft: false, ...long }), 422, "TITLE_INVALID");
    expect(body(await ada.get<Video>(`/videos/${made.id}`))).toMatchObject({ state: "ready", draft: true });
    const published = body(await change(made.id, { draft: false, coverAtMs: 900 }));
    expect(published).toMatchObject({ state: "published", draft: false });
    expect((await send("GET", published.coverUrl!)).status).toBe(200);
    const pathOf = (url: string) => new URL(url).pathname;
    expect(pathOf(published.coverUrl!)).not.toBe(pathOf(made.coverUrl!));

    // Of one that has no film there is no such picture.
    const picture = body(await ada.upload(png(64, 64)), 201);
    const json = { pictures: [{ uploadId: picture.id }], title: "Pressed", draft: true };
    const post = await ada.settled(body(await ada.post<Video>("/videos", { json }), 201).id);
    const refused = await change(post.id, { draft: false, title: "Out", coverAtMs: 500 });
    expectProblem(refused, 404, "VIDEO_NOT_FOUND");
    const after = body(await ada.get<Video>(`/videos/${post.id}`));
    expect(after).toMatchObject({ state: "ready", draft: true, title: "Pressed" });
  });

  test("can be of pictures", async () => {
    const picture = body(await ada.upload(png(64, 64)), 201);
    const json = { pictures: [{ uploadId: picture.id }], title: "Pressed", draft: true };
    const made = await ada.settled(body(await ada.post<Video>("/videos", { json }), 201).id);
    expect(made).toMatchObject({ state: "ready", draft: true });
    expectProblem(await fan.get(`/videos/${made.id}`), 404, "VIDEO_NOT_FOUND");
    expect(new URL(made.coverUrl!).searchParams.has("signature")).toBe(true);
    expect((await send("GET", made.coverUrl!.split("?")[0]!)).status).toBe(404);
    body(await change(made.id, { draft: false }));
    expect(body(await fan.get<Video>(`/videos/${made.id}`)).state).toBe("published");
  });

  test("refuse a time that is over or too far away, by its name, and nothing is changed", async () => {
    const { id } = await draft();
    const year = 366 * 24 * 3_600_000;
    for (const publishAt of [
      new Date(Date.now() - 1000),
      new Date(0),
      new Date(Date.now() + year + 60_000),
    ]) {
      const answer = await change(id, { title: "Lost", publishAt: publishAt.toISOString() });
      expectProblem(answer, 422, "PUBLISH_AT_INVALID");
    }
    const at = new Date(Date.now() + 3_600_000).toISOString();
    expectProblem(await change(id, { draft: false, publishAt: at }), 422, "INVALID_ARGUMENT");
    expect((await change(id, { publishAt: "tomorrow" })).status).toBe(422);
    expect(body(await ada.get<Video>(`/videos/${id}`))).toMatchObject({ title: "Sown", publishAt: null });
    const upload = body(await ada.upload(freshClip()), 201);
    const json = { uploadId: upload.id, title: "", publishAt: new Date(0).toISOString() };
    expectProblem(await ada.post("/videos", { json }), 422, "PUBLISH_AT_INVALID");
    body(await ada.delete(`/videos/${id}`), 204);
    expectProblem(await ada.get(`/videos/${id}`), 404, "VIDEO_NOT_FOUND");
  });
});
