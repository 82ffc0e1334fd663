import { beforeAll, describe, expect, test } from "vitest";
import * as events from "#contracts/events.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { cutOffClip, freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, type Page, type Schemas } from "./harness/http-client.ts";
import { moderatorAt } from "./harness/moderator.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

/** Everything that follows from a request belongs to its trace: in every process, job and consumer. */
describe.each(shapes)("traces, %s", (shape) => {
  const server = scenario(shape, { env: { DOUYA_RUNGS: "90" } });
  let last = 0;
  const newTrace = () => `${++last}`.padStart(32, "7");
  const inTrace = (trace: string) => ({ traceparent: `00-${trace}-00f067aa0ba902b7-01` });

  let ada: Person;
  let bob: Person;
  let mo: Person;
  /** Somebody who is not needed any more. */
  let other: Person;
  let video: Schemas["Video"];
  let published: string;

  /** Everything in a trace so far, except that people were notified: of what comes soon after, that is put off. */
  async function eventsOf(trace: string): Promise<string[]> {
    const sql = `select type from events.log where trace_id = '${trace}'
      and (type <> '${events.timelinesGrown.name}' or key not in (select id::text from "user".account))
      order by position`;
    return (await queryOnce(server.deployment.databaseUrl, sql)).map((row) => (row as { type: string }).type);
  }

  async function publish(person: Person, file = freshClip()): Promise<[Schemas["Video"], string]> {
    const upload = body(await person.upload(file), 201);
    const trace = newTrace();
    const sent = { json: { uploadId: upload.id, title: "A title" }, headers: inTrace(trace) };
    const { id } = body(await person.post<Schemas["Video"]>("/videos", sent), 201);
    return [await person.settled(id), trace];
  }

  beforeAll(async () => {
    [ada, bob, mo] = [await server.register(), await server.register(), await moderatorAt(server)];
    other = await server.register();
    [video, published] = await publish(ada);
  });

  test("a video can be followed from its author's tap to the inboxes of followers", async () => {
    await bob.put(`/users/${ada.id}/follow`);
    expect(body(await bob.get<{ items: unknown[] }>("/feed/following")).items).toHaveLength(1);
    const [, trace] = await publish(ada);
    await until("the delivery and the rungs", async () => (await eventsOf(trace)).length >= 3);
    const ofVideo = [events.videoPublished, events.inboxesChanged, events.videoImproved];
    expect((await eventsOf(trace)).sort()).toEqual(ofVideo.map(({ name }) => name).sort());
  });

  const steps: [string, () => Promise<unknown>][] = [];
  const step = (what: string, path: () => string, how: Step, ...told: { name: string }[]) => {
    const { by = () => bob, method = "put", json } = how;
    const act = async () => {
      const trace = newTrace();
      const sent = { headers: inTrace(trace), json: json instanceof Function ? json() : json };
      const { status, text } = await by()[method](path(), sent);
      expect(status, text).toBeLessThan(300);
      const names = told.map(({ name }) => name).sort();
      await until(`the events of ${what}`, async () => (await eventsOf(trace)).length >= names.length);
      expect((await eventsOf(trace)).sort()).toEqual(names);
    };
    steps.push([what, act]);
  };
  interface Step {
    by?: () => Person;
    method?: "put" | "post" | "patch" | "delete";
    json?: object | (() => object);
  }
  const ofVideo = (path: string) => () => `/videos/${video.id}${path}`;
  const comment = { text: "something" };
  step("a like", ofVideo("/like"), {}, events.reacted);
  step("a bookmark", ofVideo("/bookmark"), {}, events.bookmarked);
  step("a repost", ofVideo("/repost"), {}, events.reposted);
  step("the end of a repost", ofVideo("/repost"), { method: "delete" }, events.unreposted);
  step("a share", ofVideo("/shares"), { method: "post" }, events.shared);
  steps.push([
    "a download",
    async () => {
      const trace = newTrace();
      const { downloadUrl } = body(await bob.get<Schemas["Video"]>(`/videos/${video.id}`));
      expect((await fetch(downloadUrl!, { headers: inTrace(trace) })).status).toBe(200);
      expect(await eventsOf(trace)).toEqual([events.downloaded.name]);
    },
  ]);
  steps.push([
    "a video that cannot be made",
    async () => {
      const [{ state }, trace] = await publish(bob, cutOffClip());
      expect([state, await eventsOf(trace)]).toEqual(["failed", [events.videoFailed.name]]);
    },
  ]);
  step("a comment", ofVideo("/comments"), { method: "post", json: comment }, events.commented);
  step(
    "an unfollow",
    () => `/users/${ada.id}/follow`,
    { method: "delete" },
    events.relationUnfollowed,
    events.inboxesChanged,
  );
  step("a follow", () => `/users/${ada.id}/follow`, {}, events.relationFollowed, events.inboxesChanged);
  step(
    "a message",
    () => `/conversations/${ada.id}/messages`,
    { method: "post", json: { content: "hello" } },
    events.messageSent,
  );
  step(
    "a group with somebody invited",
    () => "/groups",
    { method: "post", json: () => ({ name: "A group", userIds: [mo.id] }) },
    events.timelinesGrown,
    events.groupInvited,
  );
  step(
    "a block",
    () => `/users/${ada.id}/block`,
    {},
    events.relationUnfollowed,
    events.relationBlocked,
    events.inboxesChanged,
  );
  step("its end", () => `/users/${ada.id}/block`, { method: "delete" }, events.relationUnblocked);
  step("a profile", () => "/me", { method: "patch", json: { name: "Bob" } }, events.profileChanged);
  step(
    "a title",
    ofVideo(""),
    { by: () => ada, method: "patch", json: { title: "Another" } },
    events.videoRetitled,
  );
  step(
    "a visibility",
    ofVideo(""),
    { by: () => ada, method: "patch", json: { visibility: "unlisted" } },
    events.videoVisibilityChanged,
    events.inboxesChanged,
  );
  step(
    "closed comments",
    ofVideo("/comments-closed"),
    { by: () => ada, method: "put" },
    events.commentsClosed,
  );
  step(
    "open comments",
    ofVideo("/comments-closed"),
    { by: () => ada, method: "delete" },
    events.commentsClosed,
  );
  step("a hold", ofVideo("/hold"), { by: () => mo }, events.moderationActed, events.videoHeldChanged);
  steps.push([
    "a comment taken down",
    async () => {
      const { items } = body(await bob.get<Page<{ id: string }>>(`/videos/${video.id}/comments`));
      const trace = newTrace();
      const json = { act: "take-down", subject: { kind: "comment", id: items[0]!.id } };
      body(await mo.post("/moderation/acts", { json, headers: inTrace(trace) }));
      const names = [events.moderationActed.name, events.commentModerated.name];
      expect((await eventsOf(trace)).sort()).toEqual(names.sort());
    },
  ]);
  step(
    "a session's end",
    () => "/sessions/current",
    { by: () => other, method: "delete" },
    events.sessionsEnded,
  );
  step(
    "a refused deletion",
    () => "/me",
    { by: () => ada, method: "delete", json: { password: "correct horse" } },
    events.accountClosing,
    events.accountRefused,
    events.accountReopened,
  );

  test.each(steps)("%s", async (_what, act) => void (await act()));

  test("a comment's deletion, a video's, and that of an account with all that goes along", async () => {
    expect(await eventsOf(published)).toContain(events.videoPublished.name);
    ada = await server.logIn(ada.username, ada.password);
    const { items } = body(await bob.get<{ items: Schemas["Comment"][] }>(`/videos/${video.id}/comments`));
    const uncommented = newTrace();
    await bob.delete(`/videos/${video.id}/comments/${items[0]!.id}`, { headers: inTrace(uncommented) });
    expect(await eventsOf(uncommented)).toEqual([events.commentDeleted.name]);

    await mo.delete(`/videos/${video.id}/hold`);
    // What nobody finds in a feed changes none when it goes.
    const shown = newTrace();
    await ada.patch(`/videos/${video.id}`, { json: { visibility: "public" }, headers: inTrace(shown) });
    // What is handled in one batch has one trace.
    await until("it is in feeds", async () => (await eventsOf(shown)).includes(events.inboxesChanged.name));
    const deleted = newTrace();
    await ada.delete(`/videos/${video.id}`, { headers: inTrace(deleted) });
    const ofDeletion = [events.videoDeleted, events.reactionsRemoved, events.inboxesChanged];
    await until("what goes with a video", async () => {
      const told = await eventsOf(deleted);
      return ofDeletion.every(({ name }) => told.includes(name));
    });

    await bob.put(`/users/${ada.id}/follow`);
    const closed = newTrace();
    await ada.delete("/me", { json: { password: ada.password }, headers: inTrace(closed) });
    const ofAccount = [
      events.accountClosing,
      events.videoDeleted,
      events.accountRemoved,
      events.accountErased,
      events.relationUnfollowed,
      events.inboxesChanged,
    ];
    await until("what goes with an account", async () => {
      const told = await eventsOf(closed);
      return ofAccount.every(({ name }) => told.includes(name));
    });
  });

  test("every type of event has been seen, and none without a trace", async () => {
    const sql = "select type, bool_and(trace_id ~ '^[0-9a-f]{32}$') as traced from events.log group by 1";
    const rows = (await queryOnce(server.deployment.databaseUrl, sql)) as { type: string; traced: boolean }[];
    expect(rows.filter(({ traced }) => !traced)).toEqual([]);
    const types = Object.values(events).map(({ name }) => name);
    expect(rows.map(({ type }) => type).sort()).toEqual(types.sort());
  });
});
