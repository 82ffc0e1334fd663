import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, expectProblem, type Schemas } from "./harness/http-client.ts";
import { startPushService } from "./harness/push-service.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { nowAndThenMs, until } from "./harness/within.ts";

describe.each(shapes)("web push, %s", (shape) => {
  const server = scenario(shape, {
    env: { DOUYA_PUSH_PRIVATE: "on", DOUYA_PUSH_CONTACT: "mailto:admin@example.org" },
  });
  let service: Awaited<ReturnType<typeof startPushService>>;
  let ada: Person;
  /** Of ada, for each test that wants one. */
  let fresh: string[];

  beforeAll(async () => {
    service = await startPushService();
    ada = await server.register();
    const video = await ada.settled((await ada.publish(freshClip())).id);
    fresh = await copyVideo(server.deployment.databaseUrl, video.id, 12, (i) => 1_700_000_000_000 + i);
  });
  afterAll(() => service.close());

  const done = async (answer: ReturnType<Person["put"]>) => expect((await answer).status).toBe(204);
  const subscribe = async (person: Person, more: object = {}) => {
    const subscription = service.subscribe();
    await done(person.put("/push/subscriptions", { json: { ...subscription, ...more } }));
    return subscription.endpoint;
  };
  const like = (person: Person, videoId: string) => done(person.put(`/videos/${videoId}/like`));
  const pushedTo = (endpoint: string, count = 1) =>
    until(
      `${count} pushes`,
      () => (service.to(endpoint).length >= count ? service.to(endpoint) : undefined),
      nowAndThenMs,
    );
  const subscriptions = async (person: Person) => {
    const [row] = await queryOnce<{ count: number }>(
      server.deployment.databaseUrlOf("message"),
      "select count(*)::int from message.push_subscription where user_id = $1",
      [person.id],
    );
    return row!.count;
  };

  test("a browser is told, encrypted for it and signed by the installation, and reads who did what", async () => {
    const ben = await server.register();
    const { publicKey } = body(await ada.get<{ publicKey: string }>("/push/key"));
    const endpoint = await subscribe(ada, { language: "zh" });
    const video = fresh.pop()!;
    await like(ben, video);
    const [pushed] = await pushedTo(endpoint);
    const message = {
      ...{ id: `like-${video}`, kind: "like", language: "zh" },
      ...{ name: ben.session.user.name, others: 0, videoId: video },
    };
    expect(pushed).toMatchObject({ message, publicKey, subject: "mailto:admin@example.org" });
    expect(Number(pushed!.ttl)).toBeGreaterThan(0);
    expect(pushed!.topic).toMatch(/^[\w-]{1,32}$/);
    // The key stays, in every process.
    expect(body(await ben.get<{ publicKey: string }>("/push/key"))).toEqual({ publicKey });
    await done(ada.delete("/push/subscriptions", { json: { endpoint } }));
  });

  test("many likes at once are told together, a comment without its text, and what is not wanted not at all", async () => {
    const cleo = await server.register();
    const fans = await Promise.all(Array.from({ length: 4 }, () => server.register()));
    const endpoint = await subscribe(ada);
    const [liked, commented] = [fresh.pop()!, fresh.pop()!];
    body(await ada.put("/notifications/settings", { json: { follow: { list: true, push: false } } }));
    await done(cleo.put(`/users/${ada.id}/follow`));
    for (const fan of fans) await like(fan, liked);
    const comment = { json: { text: "a secret" } };
    const { id } = body(await cleo.post<Schemas["Comment"]>(`/videos/${commented}/comments`, comment), 201);
    const pushed = await pushedTo(endpoint, 2);
    expect(pushed.map(({ message }) => message?.kind).sort()).toEqual(["comment", "like"]);
    const about = (kind: string) => pushed.find(({ message }) => message?.kind === kind)!.message;
    expect(about("comment")).toMatchObject({
      name: cleo.session.user.name,
      videoId: commented,
      commentId: id,
    });
    expect(JSON.stringify(pushed)).not.toContain("secret");
    await done(ada.delete("/push/subscriptions", { json: { endpoint } }));
  });

  test("who is written to is told without the text, once until it is read, and not of a muted conversation", async () => {
    const [ben, dora] = await Promise.all([server.register(), server.register()]);
    const write = async (to: string, text: string) =>
      body(await ben.post(`/conversations/${to}/messages`, { json: { content: text } }), 201);
    const endpoint = await subscribe(dora);
    await Promise.all(["a secret", "another secret"].map((text) => write(dora.id, text)));
    const [pushed] = await pushedTo(endpoint);
    expect(pushed!.message).toEqual({
      ...{ id: `message-${ben.id}`, kind: "message", language: "en" },
      ...{ name: ben.session.user.name, unread: 2, conversationId: ben.id },
    });
    // Friends are brought into a group.
    for (const [one, other] of [
      [ben, dora],
      [dora, ben],
    ] as const)
      await done(one.put(`/users/${other.id}/follow`));
    const made = { json: { name: "Choir", userIds: [dora.id] } };
    const { group } = body(await ben.post<{ group: { id: string } }>("/groups", made), 201);
    await done(dora.put(`/conversations/${ben.id}/mute`));
    await write(dora.id, "a third secret");
    await write(group.id, "a secret to all");
    const isOfGroup = ({ message }: { message?: Record<string, unknown> | undefined }) =>
      message?.id === `message-${group.id}`;
    await until("the group's", () => service.to(endpoint).some(isOfGroup), nowAndThenMs);
    expect(service.to(endpoint).find(isOfGroup)!.message).toMatchObject({
      ...{ name: "Choir", unread: 1, conversationId: group.id, inGroup: true },
    });
    expect(service.to(endpoint).filter(({ message }) => message?.kind === "message")).toHaveLength(2);
    expect(JSON.stringify(service.to(endpoint))).not.toContain("secret");
  });

  test("what was seen on a page is not pushed any more", async () => {
    const [ben, cleo] = await Promise.all([server.register(), server.register()]);
    const [video, other] = [fresh.pop()!, fresh.pop()!];
    await like(ben, video);
    await until("the like", async () =>
      body(await ada.get<{ items: Schemas["Notification"][] }>("/notifications")).items.some(
        ({ id }) => id === `like-${video}`,
      ),
    );
    const endpoint = await subscribe(ada);
    const query = (sql: string) => queryOnce(server.deployment.databaseUrlOf("message"), sql);
    const pauseUntil = (ms: number) =>
      query(`update message.push_subscription set paused_ms = ${ms} where user_id = ${ada.id}`);
    // The push waits until the page was seen, however long that takes.
    await pauseUntil(Date.now() + 3_600_000);
    await like(cleo, video);
    await until("the second like", async () => {
      const { items } = body(await ada.get<{ items: Schemas["Notification"][] }>("/notifications"));
      const found = items.find(({ id }) => id === `like-${video}`);
      if (found?.people !== 2) return false;
      await done(ada.put("/notifications/seen", { json: { upTo: found.position } }));
      return true;
    });
    await pauseUntil(0);
    const waiting = `message.job where kind = 'push' and key like '${ada.id} %'`;
    expect(await query(`select from ${waiting}`)).toHaveLength(1);
    await query(`update message.job set run_at = now() where id in (select id from ${waiting})`);
    await like(ben, other);
    await pushedTo(endpoint);
    await until("nothing waits", async () => (await query(`select from ${waiting}`)).length === 0);
    expect(service.to(endpoint).map(({ message }) => message?.id)).toEqual([`like-${other}`]);
    await done(ada.delete("/push/subscriptions", { json: { endpoint } }));
  });

  test("a service that says the browser is gone is forgotten, and so are those of an ended session", async () => {
    const [ben, dora] = await Promise.all([server.register(), server.register()]);
    const gone = await subscribe(dora);
    service.answer(gone, { status: 410 });
    await done(ben.put(`/users/${dora.id}/follow`));
    await pushedTo(gone);
    await until("it is forgotten", async () => (await subscriptions(dora)) === 0);
    const again = await server.logIn(dora.username, dora.password);
    const endpoint = await subscribe(again);
    // Another person's browser now.
    expect(await subscriptions(dora)).toBe(1);
    await done(again.delete("/sessions/current"));
    await until("it ends with the session", async () => (await subscriptions(dora)) === 0);
    expect(service.to(endpoint)).toEqual([]);
  });

  test("a browser whose session ran out is told nothing, and forgotten", async () => {
    const [ben, dora] = await Promise.all([server.register(), server.register()]);
    const endpoint = await subscribe(dora);
    await queryOnce(
      server.deployment.databaseUrlOf("user"),
      `update "user".session set expires_at = now() - interval '1 s' where user_id = $1`,
      [dora.id],
    );
    await done(ben.put(`/users/${dora.id}/follow`));
    await until("it is forgotten", async () => (await subscriptions(dora)) === 0, nowAndThenMs);
    expect(service.to(endpoint)).toEqual([]);
  });

  test("a person has twenty browsers at most, and an endpoint one person", async () => {
    const [ben, dora] = await Promise.all([server.register(), server.register()]);
    for (let i = 0; i < 22; i++) await subscribe(dora);
    expect(await subscriptions(dora)).toBe(20);
    const subscription = service.subscribe();
    for (const person of [dora, ben]) await done(person.put("/push/subscriptions", { json: subscription }));
    expect([await subscriptions(dora), await subscriptions(ben)]).toEqual([19, 1]);
  });

  test("what is no subscription is refused with a reason", async () => {
    const good = service.subscribe();
    const refused = async (json: object, reason = "PUSH_SUBSCRIPTION_INVALID") =>
      expectProblem(await ada.put("/push/subscriptions", { json }), 422, reason);
    for (const endpoint of ["", "x", "ftp://example.org/", "javascript:alert(1)", "https://a:b@example.org/"])
      await refused({ ...good, endpoint });
    const noPoint = Buffer.alloc(65, 4).toString("base64url");
    for (const p256dh of ["", "x", noPoint, `${good.keys.p256dh}A`])
      await refused({ ...good, keys: { ...good.keys, p256dh } });
    for (const auth of ["", "x", `${good.keys.auth}A`])
      await refused({ ...good, keys: { ...good.keys, auth } });
    const long = `${good.endpoint}/${"x".repeat(1_100)}`;
    await refused({ ...good, endpoint: long }, "INVALID_ARGUMENT");
    await refused({ ...good, language: "tlh" }, "INVALID_ARGUMENT");
    await refused({ endpoint: good.endpoint }, "INVALID_ARGUMENT");
    for (const [method, path] of [
      ["GET", "/push/key"],
      ["PUT", "/push/subscriptions"],
      ["DELETE", "/push/subscriptions"],
    ] as const)
      expectProblem(
        await server.api(method, path, method === "GET" ? {} : { json: {} }),
        401,
        "LOGIN_REQUIRED",
      );
  });
});
