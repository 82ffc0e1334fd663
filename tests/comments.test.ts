import { beforeAll, describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { classicClient, digits, ok, refused } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

type Video = Schemas["Video"];
type Comment = Schemas["Comment"];
type Comments = Page<Comment> & { pinned: Comment | null; closed: boolean };

describe.each(shapes)("comments, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);
  let owner: Person;
  let ben: Person;
  let eve: Person;
  /** A video without comments for each test that wants one. */
  let fresh: string[];

  beforeAll(async () => {
    [owner, ben, eve] = await Promise.all([server.register(), server.register(), server.register()]);
    const video = await owner.settled((await owner.publish(freshClip())).id);
    fresh = await copyVideo(server.deployment.databaseUrl, video.id, 15, (i) => 1_700_000_000_000 + i);
  });

  const say = async (person: Person, videoId: string, text: string, replyTo?: string) => {
    const path = `/videos/${videoId}/comments${replyTo ? `/${replyTo}/replies` : ""}`;
    return body(await person.post<Comment>(path, { json: { text } }), 201);
  };
  const list = async (videoId: string, query = "", by: Person = ben) =>
    body(await by.get<Comments>(`/videos/${videoId}/comments${query}`));
  const countOf = async (videoId: string) =>
    body(await server.api<Video>("GET", `/videos/${videoId}`)).counts.comments;
  const texts = (page: { items: Comment[] }) => page.items.map((comment) => comment.text);

  test("what moderators have taken down has no text over either API, and its place and replies all the same", async () => {
    const id = fresh.pop()!;
    const comment = await say(ben, id, "rude");
    const reply = await say(eve, id, "still there", comment.id);
    expect([comment.takenDown, reply.takenDown]).toEqual([false, false]);
    const down = `update interaction.comment set down = true where id = ${comment.id}`;
    await queryOnce(server.deployment.databaseUrl, down);
    const shown = { ...comment, text: "", takenDown: true, replies: 1 };
    expect((await list(id)).items).toEqual([shown]);
    const one = await ben.get<{ comment: Comment }>(`/videos/${id}/comments/${reply.id}`);
    expect(body(one).comment).toEqual(shown);
    const classic = await classicApi.get("/comment/list/", { video_id: id });
    const said = ["still there", "[Removed by the moderation team]"];
    expect(ok(classic).comment_list?.map(({ content }) => content)).toEqual(said);
    expect(await countOf(id)).toBe(2);
  });

  test("the next request sees a comment and its removal, over both APIs", async () => {
    const id = fresh.pop()!;
    const comment = await say(ben, id, "  first 豆芽 👩‍👧 ");
    expect(comment).toMatchObject({
      videoId: id,
      text: "first 豆芽 👩‍👧",
      author: { id: ben.id },
      floor: 1,
      rootId: null,
      replyTo: null,
      replies: 0,
    });
    expect(Math.abs(Date.parse(comment.createdAt) - Date.now())).toBeLessThan(60_000);
    const page = { items: [comment], nextCursor: null, pinned: null, closed: false };
    expect(await list(id)).toEqual({ ...page, upTo: comment.sequence });
    expect(await countOf(id)).toBe(1);

    const token = eve.session.accessToken;
    const action = { token, video_id: id, action_type: "1", comment_text: "second" };
    const posted = await classicApi.post("/comment/action/", action);
    // By what it says itself: the first one may be of the day before.
    const [second] = (await list(id)).items;
    expect(ok(posted).comment).toMatchObject({
      content: "second",
      user: { name: eve.username },
      create_date: new Date(second!.createdAt).toISOString().slice(5, 10),
    });
    const shown = await classicApi.get("/comment/list/", { video_id: id });
    expect(ok(shown).comment_list?.map((one) => one.content)).toEqual(["second", "first 豆芽 👩‍👧"]);
    const [commentId] = digits(posted, "id");
    expect(digits(shown, "id")).toContain(commentId);
    expect(texts(await list(id))).toEqual(["second", "first 豆芽 👩‍👧"]);
    expect(await countOf(id)).toBe(2);

    const deletion = { token, video_id: id, action_type: "2", comment_id: commentId! };
    expect(ok(await classicApi.post("/comment/action/", deletion)).comment).toBeUndefined();
    expect(await countOf(id)).toBe(1);
    refused(await classicApi.post("/comment/action/", deletion), 10802);
    expect((await ben.delete(`/videos/${id}/comments/${comment.id}`)).status).toBe(204);
    expect(await countOf(id)).toBe(0);
    expect((await list(id)).items).toEqual([]);
  });

  test("replies are under their comment, name the author they answer, and go with it", async () => {
    const id = fresh.pop()!;
    const root = await say(ben, id, "root");
    const other = await say(eve, id, "other");
    const one = await say(eve, id, "one", root.id);
    const two = await say(ben, id, "two", one.id);
    expect(one).toMatchObject({ rootId: root.id, floor: 1, replyTo: null });
    expect(two).toMatchObject({ rootId: root.id, floor: 2, replyTo: { id: eve.id } });
    const replies = async (query = "") =>
      body(await ben.get<Page<Comment>>(`/videos/${id}/comments/${root.id}/replies${query}`));
    expect(await replies()).toMatchObject({ items: [{ id: one.id }, { id: two.id }], nextCursor: null });
    const first = await replies("?limit=1");
    expect(texts(first)).toEqual(["one"]);
    await say(eve, id, "three", root.id);
    expect(texts(await replies(`?limit=1&cursor=${first.nextCursor}`))).toEqual(["two"]);
    expect(texts(await list(id))).toEqual(["other", "root"]);
    expect((await list(id)).items[1]).toMatchObject({ replies: 3 });
    expect(await countOf(id)).toBe(5);
    const flat = ok(await classicApi.get("/comment/list/", { video_id: id }));
    expect(flat.comment_list?.map((comment) => comment.content)).toEqual([
      "three",
      "two",
      "one",
      "other",
      "root",
    ]);

    expect((await eve.delete(`/videos/${id}/comments/${one.id}`)).status).toBe(204);
    expect(texts(await replies())).toEqual(["two", "three"]);
    expect(await countOf(id)).toBe(4);
    expect((await ben.delete(`/videos/${id}/comments/${root.id}`)).status).toBe(204);
    expect(await countOf(id)).toBe(1);
    expectProblem(await ben.get(`/videos/${id}/comments/${root.id}/replies`), 404, "COMMENT_NOT_FOUND");
    expectProblem(await ben.get(`/videos/${id}/comments/${two.id}/replies`), 404, "COMMENT_NOT_FOUND");
    // Floors are never reused.
    expect((await say(ben, id, "later")).floor).toBe(3);
    expect(other.floor).toBe(2);
  });

  test("one is found by its id, a reply with its comment, and nobody blocked or gone", async () => {
    const [id, other] = [fresh.pop()!, fresh.pop()!];
    const root = await say(ben, id, "first");
    const reply = await say(eve, id, "second", root.id);
    const one = (commentId: string, videoId = id, by: Person = owner) =>
      by.get<{ comment: Comment; reply: Comment | null }>(`/videos/${videoId}/comments/${commentId}`);
    expect(body(await one(root.id))).toEqual({ comment: { ...root, replies: 1 }, reply: null });
    expect(body(await one(reply.id))).toEqual({ comment: { ...root, replies: 1 }, reply });
    const guest = await server.api(`GET`, `/videos/${id}/comments/${reply.id}`);
    expect(body(guest)).toMatchObject({ reply: { id: reply.id } });
    expectProblem(await one(root.id, other), 404, "COMMENT_NOT_FOUND");
    expectProblem(await one("1"), 404, "COMMENT_NOT_FOUND");
    expectProblem(await one(root.id, "1"), 404, "VIDEO_NOT_FOUND");
    const dora = await server.register();
    expect((await dora.put(`/users/${eve.id}/block`)).status).toBe(204);
    expectProblem(await one(reply.id, id, dora), 404, "COMMENT_NOT_FOUND");
    expect(body(await one(root.id, id, dora)).reply).toBeNull();
    expect((await eve.delete(`/videos/${id}/comments/${reply.id}`)).status).toBe(204);
    expectProblem(await one(reply.id), 404, "COMMENT_NOT_FOUND");
  });

  test("the list by heat puts much-discussed comments first, and pages on as it was", async () => {
    const id = fresh.pop()!;
    const roots = [];
    for (let i = 0; i < 5; i++) roots.push(await say(ben, id, `${i}`));
    for (const i of [1, 1, 3]) await say(eve, id, "reply", roots[i]!.id);
    const first = await list(id, "?sort=heat&limit=2");
    expect(texts(first)).toEqual(["1", "3"]);
    for (let i = 0; i < 4; i++) await say(eve, id, "reply", roots[0]!.id);
    await say(ben, id, "new");
    const second = await list(id, `?sort=heat&limit=2&cursor=${first.nextCursor}`);
    expect(texts(second)).toEqual(["4", "2"]);
    const third = await list(id, `?sort=heat&limit=2&cursor=${second.nextCursor}`);
    expect(texts(third)).toEqual(["0"]);
    expect(third.nextCursor).toBeNull();
    expect(texts(await list(id, "?sort=heat"))).toEqual(["0", "1", "3", "new", "4", "2"]);
    expect(texts(await list(id, "?sort=time"))).toEqual(["new", "4", "3", "2", "1", "0"]);
  });

  test("by time it pages, whatever is added meanwhile", async () => {
    const id = fresh.pop()!;
    for (let i = 0; i < 5; i++) await say(ben, id, `${i}`);
    const first = await list(id, "?limit=2");
    const late = await say(ben, id, "late");
    await ben.delete(`/videos/${id}/comments/${first.items[1]!.id}`);
    const second = await list(id, `?limit=2&cursor=${first.nextCursor}`);
    await ben.delete(`/videos/${id}/comments/${late.id}`);
    const third = await list(id, `?limit=2&cursor=${second.nextCursor}`);
    expect([first, second, third].map(texts)).toEqual([["4", "3"], ["2", "1"], ["0"]]);
    expect(third.nextCursor).toBeNull();
  });

  test("a comment is deleted by its author or the video's, and by nobody else", async () => {
    const id = fresh.pop()!;
    const [one, two] = [await say(ben, id, "one"), await say(ben, id, "two")];
    expectProblem(await eve.delete(`/videos/${id}/comments/${one.id}`), 403, "NOT_YOURS");
    expectProblem(await server.api("DELETE", `/videos/${id}/comments/${one.id}`), 401, "LOGIN_REQUIRED");
    const classic = { video_id: id, action_type: "2", comment_id: one.id };
    refused(await classicApi.post("/comment/action/", { ...classic, token: eve.session.accessToken }), 10301);
    expect(await countOf(id)).toBe(2);
    expect((await owner.delete(`/videos/${id}/comments/${one.id}`)).status).toBe(204);
    expect((await ben.delete(`/videos/${id}/comments/${two.id}`)).status).toBe(204);
    expectProblem(await ben.delete(`/videos/${id}/comments/${two.id}`), 404, "COMMENT_NOT_FOUND");
    expect(await countOf(id)).toBe(0);
  });

  test("a comment with thousands of replies is deleted with one request", async () => {
    const id = fresh.pop()!;
    const { id: root } = await say(ben, id, "much discussed");
    await queryOnce(
      server.deployment.databaseUrl,
      `with counted as (
        update interaction.video set comments = 4501, last_sequence = 4501 where video_id = ${id}
      ), answered as (
        update interaction.comment set replies = 4500, last_reply_floor = 4500 where video_id = ${id} and id = ${root}
      )
      insert into interaction.comment (video_id, id, author_id, root_id, text, sequence, floor)
      select ${id}, ${root} + i, ${eve.id}, ${root}, 'so it is', i + 1, i from generate_series(1, 4500) i`,
    );
    expect((await list(id)).items).toMatchObject([{ id: root, replies: 4500 }]);
    expect((await ben.delete(`/videos/${id}/comments/${root}`)).status).toBe(204);
    expect((await list(id)).items).toEqual([]);
    expect(await countOf(id)).toBe(0);
  });

  test("the video's author closes the comments and opens them again", async () => {
    const id = fresh.pop()!;
    const root = await say(ben, id, "root");
    const closed = `/videos/${id}/comments-closed`;
    expectProblem(await ben.put(closed), 403, "NOT_YOURS");
    for (let i = 0; i < 2; i++) expect((await owner.put(closed)).status).toBe(204);
    expect(await list(id)).toMatchObject({ closed: true, items: [{ id: root.id }] });
    const json = { text: "too late" };
    for (const person of [ben, owner]) {
      expectProblem(await person.post(`/videos/${id}/comments`, { json }), 409, "COMMENTS_CLOSED");
      const path = `/videos/${id}/comments/${root.id}/replies`;
      expectProblem(await person.post(path, { json }), 409, "COMMENTS_CLOSED");
    }
    const token = ben.session.accessToken;
    const action = { token, video_id: id, action_type: "1", comment_text: "too late" };
    refused(await classicApi.post("/comment/action/", action), 10803);
    expectProblem(await ben.delete(closed), 403, "NOT_YOURS");
    for (let i = 0; i < 2; i++) expect((await owner.delete(closed)).status).toBe(204);
    await say(ben, id, "open again");
    expect(await list(id)).toMatchObject({ closed: false });
    expect(await countOf(id)).toBe(2);
  });

  test("the video's author pins one comment, which comes with the first page", async () => {
    const id = fresh.pop()!;
    const one = await say(ben, id, "one");
    const two = await say(ben, id, "two");
    const reply = await say(eve, id, "reply", one.id);
    const path = `/videos/${id}/pinned-comment`;
    const pin = (person: Person, commentId: string) => person.put(path, { json: { commentId } });
    expectProblem(await pin(ben, one.id), 403, "NOT_YOURS");
    expectProblem(await pin(owner, "1"), 404, "COMMENT_NOT_FOUND");
    expectProblem(await pin(owner, reply.id), 422, "COMMENT_IS_REPLY");
    expect((await pin(owner, one.id)).status).toBe(204);
    const first = await list(id, "?limit=1");
    expect(first).toMatchObject({ pinned: { id: one.id, replies: 1 }, items: [{ id: two.id }] });
    expect(await list(id, `?limit=1&cursor=${first.nextCursor}`)).toMatchObject({
      pinned: null,
      items: [{ id: one.id }],
    });
    expect((await pin(owner, two.id)).status).toBe(204);
    expect((await list(id)).pinned?.id).toBe(two.id);
    expectProblem(await ben.delete(path), 403, "NOT_YOURS");
    expect((await owner.delete(path)).status).toBe(204);
    expect((await list(id)).pinned).toBeNull();
    await pin(owner, one.id);
    await ben.delete(`/videos/${id}/comments/${one.id}`);
    expect((await list(id)).pinned).toBeNull();
  });

  test("sent again with its key, even at the same time, a comment is added once", async () => {
    const id = fresh.pop()!;
    const send = (person: Person, text: string) =>
      person.post<Comment>(`/videos/${id}/comments`, { json: { text, idempotencyKey: "once" } });
    const answers = await Promise.all(["a", "b", "c", "d"].map((text) => send(ben, text)));
    expect(new Set(answers.map((answer) => body(answer, 201).id)).size).toBe(1);
    expect(body(await send(eve, "mine"), 201).text).toBe("mine");
    expect(await countOf(id)).toBe(2);
    const json = { text: "x", idempotencyKey: "not one" };
    expectProblem(await ben.post(`/videos/${id}/comments`, { json }), 422, "IDEMPOTENCY_KEY_INVALID");
  });

  test("many at once get each floor once", async () => {
    const id = fresh.pop()!;
    const made = await Promise.all(Array.from({ length: 30 }, (_, i) => say([ben, eve][i % 2]!, id, `${i}`)));
    expect(made.map((comment) => comment.floor).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 30 }, (_, i) => i + 1),
    );
    expect(await countOf(id)).toBe(30);
    const { items } = await list(id, "?limit=50");
    expect(items.map((comment) => comment.floor)).toEqual(Array.from({ length: 30 }, (_, i) => 30 - i));
  });

  test("lines stay lines, however they are ended, over both APIs", async () => {
    const id = fresh.pop()!;
    const written = `roses ❤️${"\r\n".repeat(20)}\ud83d\udebeviolets`;
    const read = written.replaceAll("\r\n", "\n");
    expect((await say(ben, id, written)).text).toBe(read);
    const action = { video_id: id, action_type: "1", comment_text: written };
    const posted = await classicApi.post("/comment/action/", { ...action, token: eve.session.accessToken });
    expect(ok(posted).comment?.content).toBe(read);
    expect(texts(await list(id))).toEqual([read, read]);
  });

  test("a comment that is not allowed is refused by name and changes nothing", async () => {
    const id = fresh.pop()!;
    const token = ben.session.accessToken;
    const comments = `/videos/${id}/comments`;
    const post = (path: string, text: string) => ben.post(path, { json: { text } });
    const good = { token, video_id: id, action_type: "1", comment_text: "hello" };
    const act = (parameters: Record<string, string>) => classicApi.post("/comment/action/", parameters);
    for (const text of [
      "",
      " \u3000",
      "a".repeat(501),
      "😀".repeat(501),
      `a${"\n".repeat(21)}b`,
      "a\u0000b",
      "\u200b",
    ]) {
      expectProblem(await post(comments, text), 422, "COMMENT_INVALID");
      refused(await act({ ...good, comment_text: text }), 10801);
    }
    await post(comments, "😀".repeat(500));
    expect(await countOf(id)).toBe(1);
    expectProblem(await ben.post(comments, { json: {} }), 422, "INVALID_ARGUMENT");
    expectProblem(await post("/videos/1/comments", "hello"), 404, "VIDEO_NOT_FOUND");
    expectProblem(await post(`${comments}/1/replies`, "hello"), 404, "COMMENT_NOT_FOUND");
    expectProblem(await server.api("POST", comments, { json: { text: "x" } }), 401, "LOGIN_REQUIRED");
    expectProblem(await ben.get("/videos/1/comments"), 404, "VIDEO_NOT_FOUND");
    expectProblem(await owner.put("/videos/1/comments-closed"), 404, "VIDEO_NOT_FOUND");
    expectProblem(await ben.get(`${comments}?sort=best`), 422, "INVALID_ARGUMENT");
    for (const cursor of ["x", "-1", "1-2", "99999999999999999999", "1-2-3-4"])
      expectProblem(await ben.get(`${comments}?cursor=${cursor}`), 422, "CURSOR_INVALID");
    expectProblem(await ben.get(`${comments}?sort=heat&cursor=1`), 422, "CURSOR_INVALID");

    const { comment_text: _text, ...wordless } = good;
    expect(refused(await act(wordless), 10001)).toContain("comment_text");
    refused(await act({ ...good, video_id: "1" }), 10202);
    expect(refused(await act({ ...good, action_type: "3" }), 10001)).toContain("action_type");
    expect(refused(await act({ ...good, action_type: "2" }), 10001)).toContain("comment_id");
    refused(await act({ ...good, action_type: "2", comment_id: "1" }), 10802);
    refused(await act({ video_id: id, action_type: "1", comment_text: "hello" }), 10105);
    expect(refused(await classicApi.get("/comment/list/"), 10001)).toContain("video_id");
    refused(await classicApi.get("/comment/list/", { video_id: "1" }), 10202);
    expect(await countOf(id)).toBe(1);
  });
});
