import { beforeAll, describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { friendsAt } from "./harness/friends.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { moderatorAt } from "./harness/moderator.ts";
import { connectDevice } from "./harness/realtime-device.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Comment = Schemas["Comment"];
type Video = Schemas["Video"];
interface Subject {
  kind: string;
  id: string;
}
interface Done {
  id: string;
  act: string;
  subject: Subject;
  batchId: string;
  actor: { id: string } | null;
}
interface Waiting {
  subject: Subject;
  owner: { id: string } | null;
  reports: { reason: string; count: number }[];
  texts: string[];
  claimedBy: { id: string } | null;
  appeal: { actId: string; text: string } | null;
  before: Done[];
  video: Video | null;
  comment: Comment | null;
  group: { name: string } | null;
}

describe.each(shapes)("moderation, %s", (shape) => {
  const server = scenario(shape);
  let ada: Person;
  let ben: Person;
  let eve: Person;
  let mo: Person;
  let clip: Video;
  let videos: string[];

  beforeAll(async () => {
    [ada, ben, eve, mo] = await Promise.all([
      server.register(),
      server.register(),
      server.register(),
      moderatorAt(server),
    ]);
    clip = await ada.settled((await ada.publish(freshClip())).id);
    videos = await copyVideo(server.deployment.databaseUrl, clip.id, 3, (i) => 1_700_000_000_000 + i);
  });

  const report = (person: Person, subject: Subject, json: object = { reason: "spam" }) =>
    person.post("/reports", { json: { subject, ...json } });
  const act = (name: string, subject: Subject, more: object = {}, moderator = mo) =>
    moderator.post<{ acts: Done[]; batchId: string; enforced: boolean }>("/moderation/acts", {
      json: { act: name, subject, ...more },
    });
  const acted = async (name: string, subject: Subject, more: object = {}) => {
    const done = body(await act(name, subject, more));
    expect(done.enforced).toBe(true);
    return done.acts[0]!;
  };
  const queue = async (query = "", moderator = mo) =>
    body(await moderator.get<Page<Waiting>>(`/moderation/queue?limit=50${query}`)).items;
  const of = async (subject: Subject) => (await queue()).find((one) => one.subject.id === subject.id);
  const say = async (person: Person, videoId: string, text = "something", replyTo?: string) => {
    const path = `/videos/${videoId}/comments${replyTo ? `/${replyTo}/replies` : ""}`;
    return body(await person.post<Comment>(path, { json: { text } }), 201);
  };
  const own = async (person: Person) =>
    body(
      await person.get<Page<Done & { appealable: boolean; text: string; actor?: unknown }>>("/me/moderation"),
    ).items;

  test("a film is reported, claimed, looked at in place, taken down, appealed and let stand again", async () => {
    const video = { kind: "video", id: clip.id };
    body(await report(eve, video, { reason: "violence", text: " look " }), 204);
    body(await report(ben, video, { reason: "violence" }), 204);
    body(await report(ben, video, { reason: "other", text: "the first stands" }), 204);
    body(await mo.put(`/moderation/queue/video/${clip.id}/claim`), 204);
    const other = await moderatorAt(server);
    expectProblem(await other.put(`/moderation/queue/video/${clip.id}/claim`), 409, "CLAIMED_BY_ANOTHER");
    const waits = (await of(video))!;
    expect(waits).toMatchObject({
      ...{ owner: { id: ada.id }, texts: ["look"], claimedBy: { id: mo.id }, appeal: null, before: [] },
      ...{ reports: [{ reason: "violence", count: 2 }], video: { id: clip.id, title: clip.title } },
    });
    const done = await acted("take-down", video, {
      reason: "violence",
      text: "No blood here.",
      note: "clear",
    });
    // For whoever looks later the film still plays, and for nobody else.
    expect((await send("GET", waits.video!.playUrl!)).status).toBe(200);
    for (const person of [eve, ben])
      expectProblem(await person.get(`/videos/${clip.id}`), 404, "VIDEO_NOT_FOUND");
    expect(body(await ada.get<Video>(`/videos/${clip.id}`))).toMatchObject({ moderation: "taken-down" });
    expect(await of(video)).toBeUndefined();

    const [told] = await own(ada);
    expect(told).toMatchObject({
      ...{ id: done.id, act: "take-down", text: "No blood here." },
      appealable: true,
    });
    expect(JSON.stringify(told)).not.toMatch(new RegExp(`clear|${mo.id}|${mo.username}`));
    expect(await own(ben)).toEqual([]);
    await until("it is told", async () => {
      const { items } = body(await ada.get<Page<{ kind: string }>>("/notifications"));
      return items.some(({ kind }) => kind === "moderation");
    });
    const appeal = (person: Person, actId: string, text = "It is ketchup.") =>
      person.post("/appeals", { json: { actId, text } });
    expectProblem(await appeal(ben, done.id), 404, "NOT_FOUND");
    body(await appeal(ada, done.id), 204);
    expectProblem(await appeal(ada, done.id), 409, "APPEALED_ALREADY");
    expect(await of(video)).toMatchObject({
      ...{ appeal: { actId: done.id, text: "It is ketchup." }, reports: [] },
      before: [{ id: done.id, act: "take-down", note: "clear", actor: { id: mo.id } }],
    });
    await acted("restore", video, { text: "Sorry." });
    for (const person of [eve, ben]) body(await person.get(`/videos/${clip.id}`));
    expect(body(await ada.get<Video>(`/videos/${clip.id}`))).not.toHaveProperty("moderation");
    expect((await own(ada)).map((one) => one.act)).toEqual(["restore", "take-down"]);
  });

  test("comments are reported by either route, keep their place when taken down, and are judged once", async () => {
    const videoId = videos[0]!;
    const root = await say(ben, videoId);
    const reply = await say(ben, videoId, "reply", root.id);
    const subject = (comment: Comment) => ({ kind: "comment", id: comment.id });
    body(await eve.post(`/videos/${videoId}/comments/${root.id}/report`, { json: { reason: "abuse" } }), 204);
    body(await report(eve, subject(reply)), 204);
    // Nobody hides from a moderator by blocking them.
    body(await ben.put(`/users/${mo.id}/block`), 204);
    expect((await queue("&kind=comment")).map(({ comment }) => comment?.text)).toEqual([
      "something",
      "reply",
    ]);
    body(await ben.delete(`/users/${mo.id}/block`), 204);
    await acted("take-down", subject(root));
    await acted("dismiss", subject(reply));
    for (const comment of [root, reply]) body(await report(ada, subject(comment)), 204);
    expect(await queue("&kind=comment")).toEqual([]);
    const list = body(await eve.get<Page<Comment>>(`/videos/${videoId}/comments`)).items;
    expect(list).toMatchObject([{ id: root.id, text: "", takenDown: true, replies: 1 }]);
    await acted("restore", subject(root));
    expect(body(await eve.get<Page<Comment>>(`/videos/${videoId}/comments`)).items).toMatchObject([
      { text: "something", takenDown: false },
    ]);
    await acted("lock-comments", { kind: "video", id: videoId });
    expectProblem(
      await ben.post(`/videos/${videoId}/comments`, { json: { text: "x" } }),
      409,
      "COMMENTS_CLOSED",
    );
    await acted("unlock-comments", { kind: "video", id: videoId });
    await say(ben, videoId);
  });

  test("a person is muted for a time, suspended, and their profile reset; both end by being undone", async () => {
    const zoe = await server.register();
    const person = { kind: "user", id: zoe.id };
    body(await zoe.patch("/me", { json: { name: "Rude name", signature: "rude" } }));
    body(await report(eve, person, { reason: "hate" }), 204);
    await acted("reset-profile", person);
    expect(body(await eve.get<Schemas["User"]>(`/users/${zoe.id}`))).toMatchObject({
      name: zoe.username,
      signature: "",
    });
    const mutedUntil = new Date(Date.now() + 3_600_000).toISOString();
    await acted("mute", person, { until: mutedUntil });
    const comment = () => zoe.post(`/videos/${videos[1]}/comments`, { json: { text: "hi" } });
    await until("muted", async () => (await comment()).status === 403);
    expectProblem(await comment(), 403, "ACCOUNT_MUTED");
    expectProblem(await zoe.patch("/me", { json: { name: "Rude again" } }), 403, "ACCOUNT_MUTED");
    body(await zoe.put(`/videos/${videos[1]}/like`), 204);
    expect(body(await zoe.get<{ mutedUntil: string }>("/me")).mutedUntil).toBe(mutedUntil);
    const again = await server.logIn(zoe.username, zoe.password);
    const device = await connectDevice(server.origin, again);
    device.tell({ type: "send", idempotencyKey: "muted", conversationId: eve.id, text: "hi" });
    expect(await device.frame("refused")).toMatchObject({ idempotencyKey: "muted", reason: "ACCOUNT_MUTED" });
    // Before any of it is taken in.
    expectProblem(await again.upload(freshClip()), 403, "ACCOUNT_MUTED");
    expectProblem(
      await again.post(`/videos/${videos[1]}/comments`, { json: { text: "hi" } }),
      403,
      "ACCOUNT_MUTED",
    );

    await acted("suspend", person);
    await until("out", async () => (await zoe.get("/me")).status === 401);
    const credentials = { username: zoe.username, password: zoe.password };
    const logIn = (json: object) => server.api("POST", "/sessions", { json });
    expectProblem(await logIn(credentials), 403, "ACCOUNT_SUSPENDED");
    expectProblem(await logIn({ ...credentials, password: "not theirs" }), 401, "BAD_CREDENTIALS");
    const { refreshToken } = zoe.session;
    expectProblem(
      await server.api("POST", "/sessions/refresh", { json: { refreshToken } }),
      401,
      "SESSION_ENDED",
    );
    const appeal = (json: object) =>
      server.api("POST", "/appeals", { json: { text: "It was not me.", ...json } });
    expectProblem(await appeal({}), 422, "INVALID_ARGUMENT");
    expectProblem(await appeal({ ...credentials, password: "not theirs" }), 401, "BAD_CREDENTIALS");
    const { username, password } = eve;
    expectProblem(await appeal({ username, password }), 404, "NOT_FOUND");
    body(await appeal(credentials), 204);
    expectProblem(await appeal(credentials), 409, "APPEALED_ALREADY");
    expect(await of(person)).toMatchObject({ appeal: { text: "It was not me." } });
    await acted("restore", person);
    const back = await server.logIn(zoe.username, zoe.password);
    body(await back.post(`/videos/${videos[1]}/comments`, { json: { text: "hello" } }), 201);
    expect((await own(back)).map((one) => one.act)).toEqual(["restore", "suspend", "mute", "reset-profile"]);
  });

  test("what has an end in time ends by itself", async () => {
    const video = { kind: "video", id: videos[2]! };
    await acted("take-down", video, { until: new Date(Date.now() + 1_500).toISOString() });
    expectProblem(await eve.get(`/videos/${video.id}`), 404, "VIDEO_NOT_FOUND");
    await until("it is back", async () => (await eve.get(`/videos/${video.id}`)).status === 200);
    expect((await own(ada))[0]).toMatchObject({ act: "expire", subject: video, appealable: false });
  });

  test("groups and messages are taken down, several things at once are one batch", async () => {
    const [cara, dan] = await friendsAt(server);
    const json = { name: "The group", userIds: [dan.id] };
    const { group } = body(await cara.post<{ group: Schemas["Group"] }>("/groups", { json }), 201);
    const write = (to: string, content = "rude") =>
      dan.post<Schemas["Message"]>(`/conversations/${to}/messages`, { json: { content } });
    const message = body(await write(cara.id), 201);
    body(await report(cara, { kind: "message", id: message.id, conversationId: dan.id } as Subject), 204);
    body(await report(dan, { kind: "group", id: group.id }), 204);
    expect((await of({ kind: "group", id: group.id }))?.group).toMatchObject({ name: "The group" });
    const subjects = [
      { kind: "message", id: message.id },
      { kind: "group", id: group.id },
    ];
    const done = body(
      await mo.post<{ acts: Done[]; batchId: string }>("/moderation/acts", {
        json: { act: "take-down", subjects },
      }),
    );
    expect(done.acts.map(({ batchId }) => batchId)).toEqual([done.batchId, done.batchId]);
    expectProblem(await write(group.id), 403, "GROUP_TAKEN_DOWN");
    const { items } = body(await cara.get<Page<Schemas["Message"]>>(`/conversations/${dan.id}/messages`));
    expect(items).toMatchObject([{ content: "" }]);
    const log = body(await mo.get<Page<Done>>(`/moderation/acts?act=take-down&ownerId=${cara.id}`)).items;
    expect(log).toMatchObject([{ subject: { kind: "group", id: group.id }, actor: { id: mo.id } }]);
    await acted("restore", { kind: "group", id: group.id });
    body(await write(group.id), 201);
  });

  test("what waits leaves with what it is about, and with whoever said so", async () => {
    const [zoe, yan] = [await server.register(), await server.register()];
    const comment = await say(zoe, videos[0]!);
    const other = await say(ben, videos[0]!);
    const subject = (one: Comment) => ({ kind: "comment", id: one.id });
    for (const one of [comment, other]) body(await report(yan, subject(one)), 204);
    body(await report(eve, subject(other)), 204);
    body(await zoe.delete(`/videos/${videos[0]}/comments/${comment.id}`), 204);
    await until("the first has left", async () => (await of(subject(comment))) === undefined);
    body(await yan.delete("/me", { json: { password: yan.password } }), 202);
    await until("one report is left", async () => {
      return (await of(subject(other)))?.reports[0]?.count === 1;
    });
    await acted("dismiss", subject(other));
  });

  test("what waited in the queues of an earlier release waits in this one", async () => {
    const comment = await say(ben, videos[0]!, "said before");
    const [id, reported] = [comment.id, "interaction.reported (video_id, comment_id, position)"];
    const database = server.deployment.databaseUrlOf("interaction");
    await queryOnce(database, `insert into ${reported} values ($1, $2, $3)`, [videos[0]!, id, id]);
    await queryOnce(
      database,
      "insert into interaction.report (video_id, comment_id, reporter_id, id, reason, text) values ($1, $2, $3, $2, 2, 'rude')",
      [videos[0]!, id, eve.id],
    );
    const program = server.deployment.programOf("moderation");
    await program.stop();
    await server.deployment.restart("moderation");
    const subject = { kind: "comment", id };
    await until("it waits", async () => (await of(subject)) !== undefined);
    expect(await of(subject)).toMatchObject({ texts: ["rude"], reports: [{ reason: "abuse", count: 1 }] });
    await acted("dismiss", subject);
  });

  test("impossible reports and acts are refused by name and change nothing", async () => {
    const video = { kind: "video", id: clip.id };
    for (const [subject, reason] of [
      [{ kind: "video", id: "1" }, "VIDEO_NOT_FOUND"],
      [{ kind: "comment", id: "1" }, "COMMENT_NOT_FOUND"],
      [{ kind: "user", id: "1" }, "USER_NOT_FOUND"],
      [{ kind: "message", id: "1" }, "MESSAGE_NOT_FOUND"],
      [{ kind: "group", id: "1" }, "GROUP_NOT_FOUND"],
    ] as const)
      for (const answer of [await report(eve, subject), await act("dismiss", subject)])
        expectProblem(answer, 404, reason);
    expectProblem(await report(ada, video), 422, "REPORTS_OWN");
    expectProblem(await report(eve, { kind: "user", id: eve.id }), 422, "REPORTS_OWN");
    for (const text of ["a".repeat(201), "a\nb", "a\u0000b"])
      expectProblem(await report(eve, video, { reason: "other", text }), 422, "REPORT_INVALID");
    for (const json of [{}, { reason: "boring" }, { reason: "spam", subject: { kind: "planet", id: "1" } }])
      expectProblem(await report(eve, video, json), 422, "INVALID_ARGUMENT");
    expectProblem(
      await server.api("POST", "/reports", { json: { subject: video, reason: "spam" } }),
      401,
      "LOGIN_REQUIRED",
    );
    for (const [name, more] of [
      ["suspend", {}],
      ["warn", { until: new Date(Date.now() + 60_000).toISOString() }],
      ["take-down", { until: new Date(Date.now() - 60_000).toISOString() }],
    ] as const)
      expectProblem(await act(name, video, more), 422, "ACT_INVALID");
    for (const more of [
      { act: "explode" },
      { subject: { kind: "video", id: "x" } },
      { until: "soon" },
      { batchId: "a b" },
    ])
      expectProblem(await act("dismiss", video, more), 422, "INVALID_ARGUMENT");
    expectProblem(await mo.post("/moderation/acts", { json: { act: "dismiss" } }), 422, "INVALID_ARGUMENT");
    expectProblem(await act("mute", { kind: "user", id: mo.id }), 403, "MODERATES_OWN");
    expectProblem(await act("dismiss", { kind: "user", id: clip.id }), 422, "ACT_INVALID");
    for (const person of [eve, ada]) {
      expectProblem(await act("take-down", video, {}, person), 403, "MODERATORS_ONLY");
      expectProblem(await person.get("/moderation/queue"), 403, "MODERATORS_ONLY");
      expectProblem(await person.get("/moderation/acts"), 403, "MODERATORS_ONLY");
      expectProblem(await person.put(`/moderation/queue/video/${clip.id}/claim`), 403, "MODERATORS_ONLY");
    }
    for (const cursor of ["x", "1", "1-x", "1-1e9"])
      expectProblem(await mo.get(`/moderation/queue?cursor=${cursor}`), 422, "CURSOR_INVALID");
    expectProblem(await mo.get("/moderation/acts?cursor=x"), 422, "CURSOR_INVALID");
    expectProblem(await ada.post("/appeals", { json: { actId: "1", text: "x" } }), 404, "NOT_FOUND");
    expect(await queue()).toEqual([]);
  });
});

describe("with limits", () => {
  const server = scenario("all", { env: { DOUYA_LIMITS: "on" } });

  test("nobody reports without end, and nobody is limited by others", async () => {
    const [ben, eve, carl] = await Promise.all([server.register(), server.register(), server.register()]);
    const report = (person: Person) =>
      person.post("/reports", { json: { subject: { kind: "user", id: ben.id }, reason: "spam" } });
    for (let i = 0; i < 20; i++) body(await report(carl), 204);
    const refused = expectProblem(await report(carl), 429, "TOO_MANY_REQUESTS");
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    body(await report(eve), 204);
  });
});
