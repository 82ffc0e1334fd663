import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { notificationKinds } from "#contracts/notification-kinds.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { cutOffClip, freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { moderatorAt } from "./harness/moderator.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Notification = Schemas["Notification"];
type Settings = Record<string, { list: boolean; push: boolean }>;
interface Entry {
  kind: string;
  notification?: { id: string | null };
}

describe.each(shapes)("notifications, %s", (shape) => {
  const server = scenario(shape);
  let ada: Person;
  /** Of ada, for each test that wants one. */
  let fresh: string[];

  beforeAll(async () => {
    ada = await server.register();
    const video = await ada.settled((await ada.publish(freshClip())).id);
    fresh = await copyVideo(server.deployment.databaseUrl, video.id, 12, (i) => 1_700_000_000_000 + i);
  });

  const done = async (answer: ReturnType<Person["put"]>) => expect((await answer).status).toBe(204);
  const like = (person: Person, videoId: string) => done(person.put(`/videos/${videoId}/like`));
  const unlike = (person: Person, videoId: string) => done(person.delete(`/videos/${videoId}/like`));
  const say = async (person: Person, videoId: string, text: string, answers?: string) => {
    const path = `/videos/${videoId}/comments${answers ? `/${answers}/replies` : ""}`;
    return body(await person.post<Schemas["Comment"]>(path, { json: { text } }), 201);
  };
  const list = async (person: Person, query = "") =>
    body(await person.get<Page<Notification>>(`/notifications${query}`));
  const unseen = async (person: Person) =>
    body(await person.get<{ notifications: number }>("/me/unread")).notifications;
  /** What is said of a notification, shortly. */
  const short = ({ kind, people, actors, video, commentId, seen }: Notification) => ({
    ...{ kind, people, actors: actors.map(({ id }) => id), video: video?.id ?? null, commentId, seen },
  });
  /** Waits until the list of a person, or that about one video, is this one. */
  const becomes = async (person: Person, expected: object[], videoId?: string) => {
    let last: unknown;
    const found = async () => {
      const { items } = await list(person);
      const own = items.filter(({ video }) => videoId === undefined || video?.id === videoId).map(short);
      last = own;
      return (
        JSON.stringify(own) === JSON.stringify(expected.map((one, i) => ({ ...own[i], ...one }))) || undefined
      );
    };
    await until(`the list ${JSON.stringify(expected)}`, found).catch(() =>
      expect(last).toMatchObject(expected),
    );
  };
  const people = (count: number) => Promise.all(Array.from({ length: count }, () => server.register()));
  /** What reaches a device, from now on. */
  async function listen(person: Person) {
    const socket = new WebSocket(`${server.origin.replace("http", "ws")}/api/v1/realtime`, "douya.1");
    onTestFinished(() => socket.terminate());
    const entries: Entry[] = [];
    let welcome = false;
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      welcome ||= frame.type === "welcome";
      entries.push(...(frame.entries ?? []));
    });
    socket.on("error", () => {});
    socket.on("open", () =>
      socket.send(JSON.stringify({ type: "hello", token: person.session.accessToken, device: "one" })),
    );
    await until("a welcome", () => welcome);
    const ids = () => entries.map(({ notification }) => notification?.id);
    return {
      ids,
      hears: (id: string | null) => until(`news of ${id}`, () => ids().includes(id)),
    };
  }

  test("likes of a video are one item, who takes theirs back falls out, and one's own is none", async () => {
    const video = fresh.pop()!;
    const fans = await people(5);
    await like(ada, video);
    for (const fan of fans) await like(fan, video);
    const latest = (...who: Person[]) => who.map(({ id }) => id);
    const [first, second, third, fourth, fifth] = fans as [Person, Person, Person, Person, Person];
    await becomes(
      ada,
      [{ kind: "like", people: 5, actors: latest(fifth, fourth, third), seen: false }],
      video,
    );
    await unlike(fifth, video);
    await done(third.put(`/videos/${video}/dislike`));
    await becomes(ada, [{ kind: "like", people: 3, actors: latest(fourth, second, first) }], video);
    for (const fan of [first, second, fourth]) await unlike(fan, video);
    await becomes(ada, [], video);
  });

  test("a follower, a comment and a like reach every device, and are in the list, the latest first", async () => {
    const [ben, cleo] = (await people(2)) as [Person, Person];
    const video = fresh.pop()!;
    const [one, two] = await Promise.all([listen(ada), listen(ada)]);
    await done(ben.put(`/users/${cleo.id}/follow`));
    await becomes(cleo, [{ kind: "follow", people: 1, actors: [ben.id], video: null, commentId: null }]);
    await like(ben, video);
    await becomes(ada, [{ kind: "like" }], video);
    // Of several within some seconds the latest is named.
    for (const device of [one, two]) await device.hears(`like-${video}`);
    const { id: commentId } = await say(cleo, video, "lovely");
    await becomes(
      ada,
      [
        { kind: "comment", people: 1, actors: [cleo.id], commentId },
        { kind: "like", people: 1, actors: [ben.id], commentId: null },
      ],
      video,
    );
    for (const device of [one, two]) await device.hears(`comment-${video}`);
    await done(ben.delete(`/users/${cleo.id}/follow`));
    await becomes(cleo, []);
  });

  test("each of those whom a comment concerns is told once, of what concerns them most", async () => {
    const [ben, cleo, dan] = (await people(3)) as [Person, Person, Person];
    const video = fresh.pop()!;
    const root = await say(ben, video, `first, @${cleo.username} and @${ada.username} and @nobody.there`);
    await becomes(ada, [{ kind: "mention", commentId: root.id, actors: [ben.id] }], video);
    await becomes(cleo, [{ kind: "mention", video, commentId: root.id }]);
    const reply = await say(cleo, video, `yes @${ben.username} @${dan.username}`, root.id);
    await becomes(ben, [{ kind: "reply", video, commentId: reply.id, actors: [cleo.id] }]);
    await becomes(dan, [{ kind: "mention", commentId: reply.id }]);
    await becomes(ada, [{ kind: "comment", commentId: reply.id }, { kind: "mention" }], video);
    // An answer to the reply concerns who wrote that.
    await say(dan, video, "and me", reply.id);
    await becomes(cleo, [{ kind: "reply", actors: [dan.id] }, { kind: "mention" }]);
    // The comment takes its replies with it.
    await done(ben.delete(`/videos/${video}/comments/${root.id}`));
    for (const person of [ben, cleo, dan]) await becomes(person, []);
    await becomes(ada, [], video);
  });

  test("nothing comes from whom one blocks, and what came before falls out", async () => {
    const [ben, cleo] = (await people(2)) as [Person, Person];
    const video = fresh.pop()!;
    const root = await say(cleo, video, "first");
    for (const fan of [ben, cleo]) await like(fan, video);
    await say(ben, video, "second", root.id);
    await becomes(cleo, [{ kind: "reply", actors: [ben.id] }]);
    await done(cleo.put(`/users/${ben.id}/block`));
    await becomes(cleo, []);
    // On a video of somebody else's they can still write.
    await say(ben, video, `@${cleo.username}`, root.id);
    await becomes(
      ada,
      [
        { kind: "comment", people: 2 },
        { kind: "like", people: 2 },
      ],
      video,
    );
    expect((await list(cleo)).items).toEqual([]);
    await done(ada.put(`/users/${ben.id}/block`));
    await becomes(
      ada,
      [
        { kind: "comment", people: 1, actors: [cleo.id] },
        { kind: "like", people: 1, actors: [cleo.id] },
      ],
      video,
    );
  });

  test("an author is told that a video is published or failed, and whom it mentions that it does", async () => {
    const [ben, cleo] = (await people(2)) as [Person, Person];
    const upload = body(await ben.upload(freshClip()), 201);
    const json = { uploadId: upload.id, title: "new", description: `with @${cleo.username}` };
    const { id } = body(await ben.post<Schemas["Video"]>("/videos", { json }), 201);
    await ben.settled(id);
    await becomes(ben, [{ kind: "published", video: id, people: 1 }]);
    await becomes(cleo, [{ kind: "mention", video: id, actors: [ben.id], commentId: null }]);
    await done(ben.delete(`/videos/${id}`));
    for (const person of [ben, cleo]) await becomes(person, []);
    const failed = await ben.settled((await ben.publish(cutOffClip())).id);
    await becomes(ben, [{ kind: "failed", video: failed.id }]);
    expect((await list(ben)).items[0]!.video!.failure).toBe("VIDEO_DAMAGED");
  });

  test("what was seen on one device is seen on the others", async () => {
    const [ben, cleo] = (await people(2)) as [Person, Person];
    const videos = [fresh.pop()!, fresh.pop()!];
    await done(ben.put(`/users/${cleo.id}/follow`));
    await becomes(cleo, [{ seen: false }]);
    expect(await unseen(cleo)).toBe(1);
    const device = await listen(cleo);
    const [{ position } = { position: "" }] = (await list(cleo)).items;
    await done(cleo.put("/notifications/seen", { json: { upTo: position } }));
    expect(await unseen(cleo)).toBe(0);
    await becomes(cleo, [{ seen: true }]);
    await device.hears(null);
    // Pages neither repeat nor skip while nothing is new.
    const fans = await people(3);
    for (const video of videos) for (const fan of fans) await like(fan, video);
    for (const video of videos) await becomes(ada, [{ people: 3 }], video);
    const all = (await list(ada, "?limit=50")).items.map((one) => one.id);
    const paged: string[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: Page<Notification> = await list(ada, `?limit=1${cursor && `&cursor=${cursor}`}`);
      paged.push(...page.items.map((one) => one.id));
      cursor = page.nextCursor;
    }
    expect(paged).toEqual(all);
  });

  test("what is not there for one any more is neither shown nor counted, once the page was seen", async () => {
    const [ben, cleo] = (await people(2)) as [Person, Person];
    const video = await ben.settled((await ben.publish(freshClip())).id);
    const mentioning = await say(ben, video.id, `@${cleo.username}`);
    await becomes(cleo, [{ kind: "mention", commentId: mentioning.id }]);
    body(await ben.patch(`/videos/${video.id}`, { json: { visibility: "private" } }));
    await becomes(cleo, []);
    expect(await unseen(cleo)).toBe(1);
    const { upTo } = body(await cleo.get<{ upTo: string }>("/notifications"));
    await done(cleo.put("/notifications/seen", { json: { upTo } }));
    expect(await unseen(cleo)).toBe(0);
  });

  test("an invitation to a group is told and counted until it is answered", async () => {
    const [ben, cleo, dan] = (await people(3)) as [Person, Person, Person];
    const device = await listen(cleo);
    const made = { json: { name: "Friends of ben", userIds: [cleo.id, dan.id] } };
    const { group } = body(await ben.post<{ group: { id: string } }>("/groups", made), 201);
    for (const person of [cleo, dan])
      await becomes(person, [{ kind: "invitation", actors: [ben.id], video: null, commentId: null }]);
    await device.hears(`invitation-${group.id}`);
    expect(await unseen(cleo)).toBe(1);
    await done(cleo.put(`/me/group-invitations/${group.id}`));
    await done(dan.delete(`/me/group-invitations/${group.id}`));
    for (const person of [cleo, dan]) await becomes(person, []);
    expect(await unseen(cleo)).toBe(0);
  });

  test("an author is told that a moderator holds a video, until that ends", async () => {
    const [ben, moderator] = [await server.register(), await moderatorAt(server)];
    const video = await ben.settled((await ben.publish(freshClip())).id);
    await becomes(ben, [{ kind: "published" }]);
    await done(moderator.put(`/videos/${video.id}/hold`));
    await becomes(ben, [{ kind: "held", video: video.id, people: 1 }, { kind: "published" }]);
    await done(moderator.delete(`/videos/${video.id}/hold`));
    await becomes(ben, [{ kind: "published" }]);
  });

  test("what moderators do is told without a name, and though what it is about is not there", async () => {
    const [ben] = (await people(1)) as [Person];
    const { databaseUrl } = server.deployment;
    const name = `${ben.id}, ${notificationKinds.moderation}, 70`;
    for (const sql of [
      `insert into message.notified (user_id, position) values (${ben.id}, 1)`,
      `insert into message.notification (user_id, kind, subject_id, video_id, position, at_ms, people)
        values (${name}, 5, 1, ${Date.now()}, 1)`,
      `insert into message.notification_fact (user_id, kind, subject_id, fact_id, actor_id, thread_id, at_ms)
        values (${name}, 70, 0, 0, ${Date.now()})`,
    ])
      await queryOnce(databaseUrl, sql);
    const told = { kind: "moderation", people: 0, actors: [], video: null, commentId: null };
    expect((await list(ben)).items).toMatchObject([{ id: "moderation-70", seen: false, ...told }]);
    expect(await unseen(ben)).toBe(1);
  });

  test("a kind that one does not want is not in the list and not counted", async () => {
    const [ben, cleo] = (await people(2)) as [Person, Person];
    const settings = async () => body(await cleo.get<Settings>("/notifications/settings"));
    const all = await settings();
    expect(Object.values(all)).toEqual(Array(11).fill({ list: true, push: true }));
    const follow = { list: false, push: true };
    const changed = body(await cleo.put<Settings>("/notifications/settings", { json: { follow } }));
    expect(changed).toEqual({ ...all, follow });
    expect(await settings()).toEqual(changed);
    await done(ben.put(`/users/${cleo.id}/follow`));
    const video = fresh.pop()!;
    await say(ben, video, `@${cleo.username}`);
    await becomes(cleo, [{ kind: "mention" }]);
    expect(await unseen(cleo)).toBe(1);
    body(await cleo.put("/notifications/settings", { json: { follow: { list: true, push: false } } }));
    // What comes from different modules has no order.
    const shown = async () => (await list(cleo)).items.map(({ kind }) => kind).sort();
    await expect.poll(shown).toEqual(["follow", "mention"]);
  });

  test("what a deleted account did falls out, and its own list goes with it", async () => {
    const [ben, cleo] = (await people(2)) as [Person, Person];
    const video = fresh.pop()!;
    const root = await say(cleo, video, "first");
    await say(ben, video, `@${ada.username}`, root.id);
    // Likes and comments have keys of their own: in which order they are told is not said.
    await becomes(ada, [{ kind: "mention" }, { kind: "comment" }], video);
    await like(ben, video);
    await like(cleo, video);
    await becomes(cleo, [{ kind: "reply" }]);
    await becomes(ada, [{ kind: "like", people: 2 }, { kind: "mention" }, { kind: "comment" }], video);
    expect((await ben.delete("/me", { json: { password: ben.password } })).status).toBeLessThan(300);
    await becomes(cleo, []);
    await becomes(ada, [{ kind: "like", people: 1, actors: [cleo.id] }, { kind: "comment" }], video);
  });

  test("bad requests are refused with a reason and change nothing", async () => {
    const ben = (await people(1))[0]!;
    for (const query of ["?limit=0", "?limit=51", "?limit=x"])
      expectProblem(await ben.get(`/notifications${query}`), 422, "INVALID_ARGUMENT");
    for (const cursor of ["x", "-1", "0", "9".repeat(20)])
      expectProblem(await ben.get(`/notifications?cursor=${cursor}`), 422, "CURSOR_INVALID");
    for (const json of [{}, { upTo: 5.5 }, { upTo: "x" }, { upTo: "0" }])
      expectProblem(await ben.put("/notifications/seen", { json }), 422, "INVALID_ARGUMENT");
    for (const json of [
      { likes: {} },
      { like: true },
      { like: { list: true } },
      { like: { list: "maybe", push: true } },
    ])
      expectProblem(await ben.put("/notifications/settings", { json }), 422, "INVALID_ARGUMENT");
    await done(ben.put("/notifications/seen", { json: { upTo: "9223372036854775807" } }));
    expect(await list(ben)).toEqual({ items: [], nextCursor: null, upTo: null });
    for (const [method, path] of [
      ["GET", "/notifications"],
      ["PUT", "/notifications/seen"],
      ["GET", "/notifications/settings"],
      ["PUT", "/notifications/settings"],
    ] as const)
      expectProblem(
        await server.api(method, path, method === "GET" ? {} : { json: {} }),
        401,
        "LOGIN_REQUIRED",
      );
  });
});
