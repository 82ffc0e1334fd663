import { beforeAll, describe, expect, test } from "vitest";
import { classicClient, videosOf } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

describe.each(shapes)("descriptions, %s", (shape) => {
  const server = scenario(shape);
  const classic = classicClient(() => server.origin);
  let ada: Person;
  let ben: Person;
  let video: Video;

  beforeAll(async () => {
    [ada, ben] = [await server.register(), await server.register()];
    const upload = body(await ada.upload(freshClip()), 201);
    const json = { uploadId: upload.id, title: "看#猫咪", description: `😀 for @${ben.username}\n#cats` };
    const made = body(await ada.post<Video>("/videos", { json }), 201);
    video = await ada.settled(made.id);
  });
  const change = (json: object, person = ada) => person.patch<Video>(`/videos/${video.id}`, { json });
  const shown = async () =>
    body(await server.api<Page<Video>>("GET", "/feed")).items.find(({ id }) => id === video.id)!;

  test("say what in them leads where, counted as JavaScript counts", async () => {
    const { title, titleEntities, description, descriptionEntities } = await shown();
    expect(titleEntities).toEqual([{ kind: "hashtag", start: 1, end: 4, name: "猫咪", userId: null }]);
    expect(title.slice(1, 4)).toBe("#猫咪");
    expect(descriptionEntities.map(({ kind, name, userId }) => [kind, name, userId])).toEqual([
      ["mention", ben.username, ben.id],
      ["hashtag", "cats", null],
    ]);
    expect(descriptionEntities.map(({ start, end }) => description.slice(start, end))).toEqual([
      `@${ben.username}`,
      "#cats",
    ]);
  });

  test("change for everybody with the next request, with a mark, and only then", async () => {
    expect((await shown()).editedAt).toBeNull();
    const own = { title: video.title, description: video.description };
    for (const same of [{}, own, { description: ` ${own.description} ` }, { downloadAllowed: true }])
      expect(body(await change(same)).editedAt).toBeNull();
    const edited = body(
      await change({ description: `now @${ada.username.toUpperCase()} and @nobody-at-all` }),
    );
    expect(edited.title).toBe(video.title);
    expect(edited.descriptionEntities.map(({ userId }) => userId)).toEqual([ada.id]);
    expect(Date.parse(edited.editedAt!)).toBeGreaterThan(Date.parse(edited.publishedAt!));
    expect(await shown()).toMatchObject({ description: edited.description, editedAt: edited.editedAt });
    expect(body(await change({ description: edited.description })).editedAt).toBe(edited.editedAt);
    body(await change({ title: "Another", description: "" }));
    const [classicShown] = videosOf(await classic.get("/feed/"));
    expect(classicShown!.title).toBe("Another");
  });

  test("have no mark while nobody has seen them", async () => {
    const upload = body(await ada.upload(freshClip()), 201);
    const made = body(await ada.post<Video>("/videos", { json: { uploadId: upload.id, title: "x" } }), 201);
    const { state, editedAt } = body(await ada.patch<Video>(`/videos/${made.id}`, { json: { title: "y" } }));
    expect(editedAt === null).toBe(state !== "published");
    await ada.settled(made.id);
  });

  test("are refused when they are too long or have what no text has, and nothing changes", async () => {
    const before = body(await ada.get<Video>(`/videos/${video.id}`));
    body(await change({ description: "😀".repeat(2000) }));
    body(await change({ description: before.description }));
    for (const description of ["x".repeat(2001), "😀".repeat(2001), "a\u0000b", `${"a\n".repeat(101)}a`])
      expectProblem(await change({ title: "not this", description }), 422, "DESCRIPTION_INVALID");
    for (const json of [
      { description: 1 },
      { description: null },
      { caption: "x" },
      { downloadAllowed: "yes" },
    ])
      expectProblem(await change(json), 422, "INVALID_ARGUMENT");
    expectProblem(await change({ description: "x" }, ben), 403, "NOT_YOURS");
    const guest = await server.api("PATCH", `/videos/${video.id}`, { json: { description: "x" } });
    expectProblem(guest, 401, "LOGIN_REQUIRED");
    const { editedAt, downloadUrl, ...after } = body(await ada.get<Video>(`/videos/${video.id}`));
    // Signed until another time, perhaps.
    const pathOf = (url: string | null) => new URL(url!).pathname;
    expect(pathOf(downloadUrl)).toBe(pathOf(before.downloadUrl));
    expect(after).toEqual({ ...before, editedAt: undefined, downloadUrl: undefined, author: after.author });
  });

  test("lead to nobody who blocks who wrote them, and to those whom the writer blocks", async () => {
    const [cleo, dora] = [await server.register(), await server.register()];
    body(await cleo.put(`/users/${ada.id}/block`), 204);
    body(await ada.put(`/users/${dora.id}/block`), 204);
    const description = `@${cleo.username} @${dora.username} @${ben.username}`;
    const named = body(await change({ description })).descriptionEntities.map(({ userId }) => userId);
    expect(named).toEqual([dora.id, ben.id]);
    body(await cleo.delete(`/users/${ada.id}/block`), 204);
    // It was written before.
    expect((await shown()).descriptionEntities).toHaveLength(2);
    expect(body(await change({ description: `${description}!` })).descriptionEntities).toHaveLength(3);
    body(await ada.delete(`/users/${dora.id}/block`), 204);
  });

  test("with more hashtags than a text leads to are text beyond them, and a hundred thousand characters are refused", async () => {
    const before = (await shown()).description;
    const many = body(await change({ description: "#a ".repeat(666) }));
    expect(many.descriptionEntities).toHaveLength(50);
    expectProblem(await change({ description: "#a ".repeat(1000) }), 422, "DESCRIPTION_INVALID");
    const [long, longer] = ["x".repeat(60_000), "x".repeat(100_000)];
    for (const json of [{ description: long }, { title: long }])
      expectProblem(await change(json), 422, "INVALID_ARGUMENT");
    for (const json of [{ description: longer }, { title: longer }])
      expectProblem(await change(json), 413, "BODY_TOO_LARGE");
    body(await change({ description: before }));
  });

  test("lead to nobody who is gone", async () => {
    const gone = await server.register();
    const mention = body(await change({ description: `with @${gone.username} and @${ben.username}` }));
    expect(mention.descriptionEntities).toHaveLength(2);
    expect((await gone.delete("/me", { json: { password: gone.password } })).status).toBe(202);
    await until("they are nobody's any more", async () => (await shown()).descriptionEntities.length === 1);
    expect((await shown()).descriptionEntities[0]!.userId).toBe(ben.id);
  });

  test("comments are closed and opened where they always were, and everybody is told", async () => {
    expect((await shown()).commentsAllowed).toBe(true);
    const comment = () => ben.post(`/videos/${video.id}/comments`, { json: { text: "hm" } });
    expect(body(await change({ commentsAllowed: false })).commentsAllowed).toBe(false);
    expect((await shown()).commentsAllowed).toBe(false);
    expectProblem(await comment(), 409, "COMMENTS_CLOSED");
    expect((await ada.delete(`/videos/${video.id}/comments-closed`)).status).toBe(204);
    expect((await shown()).commentsAllowed).toBe(true);
    expect((await comment()).status).toBe(201);
    expectProblem(await change({ commentsAllowed: false }, ben), 403, "NOT_YOURS");
    // What is refused changes nothing, here neither.
    const long = { title: "x".repeat(201), commentsAllowed: false };
    expectProblem(await change(long), 422, "TITLE_INVALID");
    expect((await shown()).commentsAllowed).toBe(true);
  });

  test("a film is offered as a file where its author allows it, also one that is not public", async () => {
    const saved = (url: string | null) =>
      fetch(url!).then(({ status, headers }) => [status, headers.get("content-disposition")]);
    for (const visibility of ["public", "private"] as const) {
      body(await change({ visibility, downloadAllowed: true }));
      const { downloadUrl, playUrl } = body(await ada.get<Video>(`/videos/${video.id}`));
      expect(await saved(downloadUrl)).toEqual([
        200,
        expect.stringMatching(/^attachment; filename="douya-[0-9a-f]{12}\.mp4"$/),
      ]);
      expect(await saved(playUrl)).toEqual([200, null]);
      const without = body(await change({ downloadAllowed: false }));
      expect([without.downloadAllowed, without.downloadUrl]).toEqual([false, null]);
    }
    body(await change({ visibility: "public" }));
  });
});
