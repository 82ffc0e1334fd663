import { beforeAll, describe, expect, test } from "vitest";
import { classicClient, digits, ok, refused } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

type User = Schemas["User"];
type Video = Schemas["Video"];
type Comment = Schemas["Comment"];

describe.each(shapes)("blocks, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);
  let ada: Person;
  let ben: Person;
  let cleo: Person;
  let video: Video;

  const block = async (who: Person, target: Person) => body(await who.put(`/users/${target.id}/block`), 204);
  const unblock = async (who: Person, target: Person) =>
    body(await who.delete(`/users/${target.id}/block`), 204);
  const follow = (who: Person, target: Person) => who.put(`/users/${target.id}/follow`);
  const write = (who: Person, target: Person) =>
    who.post(`/conversations/${target.id}/messages`, { json: { content: "hello" } });
  const comment = (who: Person, text = "nice") =>
    who.post<Comment>(`/videos/${video.id}/comments`, { json: { text, idempotencyKey: text } });
  const see = async (who: Person, target: Person) => body(await who.get<User>(`/users/${target.id}`));
  const feed = async (who: Person, path: string) =>
    body(await who.get<Page<Video>>(path)).items.map((item) => item.author.id);
  const comments = async (who: Person) =>
    body(await who.get<Page<Comment>>(`/videos/${video.id}/comments`)).items.map((item) => item.author.id);
  const classic = (who: Person, parameters: Record<string, string>) => ({
    token: who.session.accessToken,
    ...parameters,
  });

  beforeAll(async () => {
    [ada, ben, cleo] = (await Promise.all([1, 2, 3].map(() => server.register()))) as [
      Person,
      Person,
      Person,
    ];
    // Ada's video, with comments of all.
    video = await ada.settled((await ada.publish(freshClip())).id);
    for (const person of [ada, ben, cleo]) body(await comment(person), 201);
    body(await ben.put(`/videos/${video.id}/like`), 204);
    for (const [from, to] of [
      [ada, ben],
      [ben, ada],
      [cleo, ada],
    ] as const)
      body(await follow(from, to), 204);
  });

  test("the next request sees that both follows ended, and the block only who made it", async () => {
    expect(await feed(ben, "/feed")).toEqual([ada.id]);
    expect(await feed(ben, "/feed/following")).toEqual([ada.id]);
    for (let i = 0; i < 2; i++) await block(ada, ben);
    expect(await see(ada, ben)).toMatchObject({
      blocked: true,
      followed: false,
      followsYou: false,
      counts: { followers: 0, following: 0 },
    });
    expect(await see(ben, ada)).toMatchObject({ blocked: false, followed: false, counts: { followers: 1 } });
    const blocked = async (who: Person) => body(await who.get<Page<User>>("/me/blocks"));
    expect(await blocked(ada)).toEqual({
      items: [expect.objectContaining({ id: ben.id, blocked: true })],
      nextCursor: null,
    });
    expect((await blocked(ben)).items).toEqual([]);
  });

  test("neither can follow, over both APIs, and each is told why", async () => {
    expectProblem(await follow(ada, ben), 403, "USER_BLOCKED");
    expectProblem(await follow(ben, ada), 403, "BLOCKED_BY_USER");
    const act = (who: Person, target: Person) =>
      classicApi.post("/relation/action/", classic(who, { to_user_id: target.id, action_type: "1" }));
    refused(await act(ada, ben), 10705);
    refused(await act(ben, ada), 10706);
    expect((await see(ada, ben)).counts).toMatchObject({ followers: 0, following: 0 });
  });

  test("neither can write to the other", async () => {
    expectProblem(await write(ada, ben), 403, "USER_BLOCKED");
    expectProblem(await write(ben, ada), 403, "BLOCKED_BY_USER");
    const sent = classic(ben, { to_user_id: ada.id, action_type: "1", content: "hello" });
    refused(await classicApi.post("/message/action/", sent), 10706);
    body(await write(cleo, ada), 201);
  });

  test("the blocked one cannot comment on the other's videos nor reply there", async () => {
    expectProblem(await comment(ben, "no"), 403, "BLOCKED_BY_USER");
    const [first] = body(await cleo.get<Page<Comment>>(`/videos/${video.id}/comments`)).items;
    const reply = { json: { text: "no" } };
    const path = `/videos/${video.id}/comments/${first!.id}/replies`;
    expectProblem(await ben.post(path, reply), 403, "BLOCKED_BY_USER");
    const said = classic(ben, { video_id: video.id, action_type: "1", comment_text: "no" });
    refused(await classicApi.post("/comment/action/", said), 10706);
    // What was written before can be repeated: its answer may have been lost.
    body(await comment(ben), 201);
    expect(await comments(cleo)).toHaveLength(3);
    // A person may still comment on the videos of somebody they block.
    await block(cleo, ada);
    body(await comment(cleo, "still-here"), 201);
    await unblock(cleo, ada);
  });

  test("nor like or dislike them, on both surfaces, but take back what was before", async () => {
    const seen = async () => body(await cleo.get<Video>(`/videos/${video.id}`)).counts;
    expect(await seen()).toMatchObject({ likes: 1 });
    for (const reaction of ["like", "dislike"])
      expectProblem(await ben.put(`/videos/${video.id}/${reaction}`), 403, "BLOCKED_BY_USER");
    const favorite = (action: string) =>
      classicApi.post("/favorite/action/", classic(ben, { video_id: video.id, action_type: action }));
    for (const action of ["1", "3"]) refused(await favorite(action), 10706);
    expect(await seen()).toMatchObject({ likes: 1 });
    body(await ben.delete(`/videos/${video.id}/like`), 204);
    expect(await seen()).toMatchObject({ likes: 0 });
    // A person may still like the videos of somebody they block.
    await block(cleo, ada);
    body(await cleo.put(`/videos/${video.id}/like`), 204);
    await unblock(cleo, ada);
  });

  test("neither sees the other in feeds and comments, over both APIs; everybody else sees both", async () => {
    for (const path of ["/feed", "/feed/following"]) expect(await feed(ben, path)).toEqual([]);
    expect(await feed(cleo, "/feed")).toEqual([ada.id]);
    expect(await comments(ada)).toEqual([cleo.id, cleo.id, ada.id]);
    expect(await comments(ben)).toEqual([cleo.id, cleo.id, ben.id]);
    expect(await comments(cleo)).toEqual([cleo.id, cleo.id, ben.id, ada.id]);
    const page = await classicApi.get("/feed/", classic(ben, {}));
    expect(ok(page).video_list).toEqual([]);
    expect(ok(await classicApi.get("/feed/", {})).video_list).toHaveLength(1);
    const list = await classicApi.get("/comment/list/", classic(ben, { video_id: video.id }));
    ok(list);
    expect(digits(list, "id")).not.toContain(ada.id);
  });

  test("without the block they are like strangers", async () => {
    await unblock(ada, ben);
    await unblock(ada, ben);
    expect(await see(ada, ben)).toMatchObject({ blocked: false, followed: false, followsYou: false });
    expect(await feed(ben, "/feed")).toEqual([ada.id]);
    body(await comment(ben), 201);
    body(await write(ben, ada), 201);
    body(await follow(ben, ada), 204);
  });

  test("an app's feed goes on behind whole pages of somebody blocked", async () => {
    const behind = await cleo.settled((await cleo.publish(freshClip())).id);
    const behindMs = Date.parse(behind.publishedAt!);
    await copyVideo(server.deployment.databaseUrl, video.id, 65, (i) => behindMs + 1 + i);
    const page = async () => ok(await classicApi.get("/feed/", classic(ben, {})));
    expect((await page()).video_list).toHaveLength(30);
    await block(ben, ada);
    const { video_list, next_time } = await page();
    expect(video_list!.map(({ title }) => title)).toEqual([behind.title]);
    expect(next_time).toBeLessThanOrEqual(behindMs);
    await unblock(ben, ada);
  });

  test("a block that is not possible is refused by name", async () => {
    expectProblem(await ada.put(`/users/${ada.id}/block`), 422, "BLOCKS_SELF");
    expectProblem(await ada.put("/users/1/block"), 404, "USER_NOT_FOUND");
    expect((await ada.delete("/users/1/block")).status).toBe(204);
    expectProblem(await ada.put("/users/x/block"), 422, "INVALID_ARGUMENT");
    expectProblem(await server.api("PUT", `/users/${ada.id}/block`), 401, "LOGIN_REQUIRED");
    expectProblem(await server.api("GET", "/me/blocks"), 401, "LOGIN_REQUIRED");
  });
});
