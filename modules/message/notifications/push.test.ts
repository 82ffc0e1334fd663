import { createECDH, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import webPush from "web-push";
import { Relationship } from "#contracts/gen/relation_pb.ts";
import { notificationKinds as kinds } from "#contracts/notification-kinds.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { idAtTime } from "#platform/ids/snowflake.ts";
import { sealedBy } from "#platform/seal/key-seal.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { accountErasureStore } from "../account-erasure-store.ts";
import { migrations } from "../migrations.ts";
import type { Tables } from "../tables.ts";
import { type Change, changesOf } from "./changes.ts";
import { pushesOfMessages, pushesOfNews } from "./due-pushes.ts";
import { applyToLists } from "./notification-store.ts";
import { addPushes, pushJob, pushKind } from "./push.ts";
import { pushStore } from "./push-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "pushes", migrations);
});
afterAll(() => own.drop());

let status = 201;
let headers: Record<string, string> = {};
let asked = 0;
let alive = true;
let standing = 0;
/** 0: it never answers. */
const service = createServer((_request, response) => {
  asked++;
  if (status) response.writeHead(status, headers).end();
});
beforeEach(async () => {
  [status, headers, asked, alive, standing] = [201, {}, 0, true, 0];
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
});
afterEach(async () => {
  service.closeAllConnections();
  await new Promise((resolve) => service.close(resolve));
  const tables = [
    "message",
    "conversation",
    "member",
    "group_chat",
    "message_push",
    "job",
    "person",
    "timeline",
    "notified",
    "notification",
    "notification_fact",
  ];
  await own.database.pool.query(
    `truncate ${[...tables, "push_subscription", "push_key"].map((name) => `message.${name}`)}`,
  );
});

const store = (secret = "s".repeat(32)) => pushStore(own.db, sealedBy(secret, "push"));
const keys = () => store().keys(webPush.generateVAPIDKeys);
const job = () =>
  pushJob(
    own.db,
    store(),
    own.jobs,
    {
      user: {
        getUsers: async ({ ids }: { ids: string[] }) => ({ users: ids.map((id) => ({ id, name: "Ben" })) }),
        checkSessions: async ({ sessions }: { sessions: { sessionId: string }[] }) => ({
          aliveSessionIds: alive ? sessions.map(({ sessionId }) => sessionId) : [],
        }),
      },
      relation: {
        getStandings: async () => ({ standings: [Uint8Array.of(standing)] }),
      },
      video: {
        getVideos: async ({ ids }: { ids: string[] }) => ({
          videos: ids.map((id) => ({ id, pictures: [] })),
        }),
      },
    } as never,
    keys,
    { contact: "mailto:a@example.org", allowPrivate: true },
  );
async function subscribe(userId: string, origin?: string) {
  const ecdh = createECDH("prime256v1");
  ecdh.generateKeys();
  const at = origin ?? `http://127.0.0.1:${(service.address() as AddressInfo).port}`;
  await store().put(userId, "7", "en", {
    endpoint: `${at}/${randomBytes(6).toString("hex")}`,
    p256dh: ecdh.getPublicKey("base64url"),
    auth: randomBytes(16).toString("base64url"),
  });
}
const like = (videoId: string, actorId: string): Change => ({
  what: "add",
  fact: {
    ...{ userId: "1", kind: kinds.like, subjectId: videoId, factId: actorId, actorId, videoId },
    ...{ threadId: "0", atMs: 1 },
  },
});
const act = { actId: "70", subjectKind: "video", act: "take-down", reason: "spam", untilMs: 0, atMs: 1 };
/** What the consumer does. */
const happens = (...changes: Change[]) =>
  own.events.transaction(own.db, (on, emit) =>
    applyToLists(on, changes, {
      emit,
      push: async (news) => addPushes(on, own.jobs, await pushesOfNews(on, news)),
    }),
  );
const jobs = () => own.db.selectFrom("job").selectAll().orderBy("id").execute();
/** Runs the oldest job as a worker would. */
async function run() {
  const [row] = await jobs();
  await job().run({
    id: row!.id,
    key: row!.key,
    attempt: 1,
    signal: new AbortController().signal,
    traceId: "0".repeat(32),
    finish: async (on) => void (await on.deleteFrom("job").where("id", "=", row!.id).execute()),
  });
  return row!;
}
/** As if the time in which its service is left alone were over. */
const unpause = () => own.db.updateTable("push_subscription").set({ paused_ms: "0" }).execute();
const subscription = () => own.db.selectFrom("push_subscription").selectAll().executeTakeFirst();
const forget = async () => void (await own.db.deleteFrom("job").execute());

test("of a notification each browser is told once a minute, however much is new", async () => {
  await subscribe("1");
  await subscribe("1");
  await happens(like("11", "2"));
  const first = await jobs();
  expect(first.map(({ kind }) => kind)).toEqual([pushKind, pushKind]);
  await happens(like("11", "3"), like("11", "4"));
  expect(await jobs()).toHaveLength(2);
  await own.db
    .updateTable("notification")
    .set({ pushed_ms: String(Date.now() - 1) })
    .execute();
  await forget();
  await happens(like("11", "5"));
  await happens(like("11", "6"));
  const [next] = await jobs();
  expect(await jobs()).toHaveLength(2);
  expect(next!.run_at.getTime()).toBeGreaterThan(Date.now() + 50_000);
  // Who has no browser here has no job.
  await forget();
  await happens({
    ...like("21", "3"),
    fact: { ...(like("21", "3") as { fact: object }).fact, userId: "2" },
  } as Change);
  expect(await jobs()).toEqual([]);
});

test("what moderators do is pushed without a name, and is told also of what is not shown any more", async () => {
  await subscribe("1");
  const moderated = { type: "moderation.acted.v1", message: { ...act, subjectId: "11", ownerId: "1" } };
  await happens(...changesOf(moderated as never));
  const said = vi.spyOn(webPush, "generateRequestDetails");
  await run();
  expect(asked).toBe(1);
  expect(JSON.parse(String(said.mock.calls[0]![1]))).toEqual({
    ...{ id: "moderation-70", kind: "moderation", language: "en", name: "", others: 0 },
  });
  said.mockRestore();
});

test("a service that is busy is asked again, as late as it says and some times, and one that is gone is not", async () => {
  await subscribe("1");
  await happens(like("11", "2"));
  const sinceMs = Date.now();
  for (const [answer, retryAfter, least] of [
    [429, "120", 119_000],
    [503, new Date(sinceMs + 300_000).toUTCString(), 290_000],
    [500, "nonsense", 400_000],
    [429, "99999999", 3_500_000],
  ] as const) {
    [status, headers] = [answer, { "retry-after": retryAfter }];
    await run();
    await unpause();
    const [again] = await jobs();
    expect(again!.run_at.getTime() - sinceMs).toBeGreaterThan(least);
    expect(again!.run_at.getTime() - sinceMs).toBeLessThan(3_700_000);
  }
  const row = await run();
  // The last attempt: it is left to the worker, which removes it.
  expect(await jobs()).toMatchObject([{ id: row.id }]);
  expect(asked).toBe(5);
  await unpause();
  status = 410;
  await run();
  expect(await own.db.selectFrom("push_subscription").selectAll().execute()).toEqual([]);
});

test("a service that never answers is left alone for all notifications, longer each time, and forgotten in the end", async () => {
  await subscribe("1");
  status = 0;
  await happens(like("11", "2"), like("12", "2"));
  await run();
  const { paused_ms: pausedMs } = (await subscription())!;
  expect(Number(pausedMs)).toBeGreaterThan(Date.now() + 20_000);
  // The other one, and what is new meanwhile, wait without a question.
  await run();
  await happens(like("13", "2"));
  expect(asked).toBe(1);
  expect((await jobs()).map(({ run_at }) => run_at.getTime())).toEqual(Array(3).fill(Number(pausedMs)));
  // A service that takes something again is as good as new.
  status = 201;
  await unpause();
  await run();
  expect(await subscription()).toMatchObject({ failures: 0, paused_ms: "0" });
  status = 500;
  for (let failures = 1; failures < 8; failures++) {
    await forget();
    await own.db.updateTable("notification").set({ pushed_ms: "0" }).execute();
    await happens(like("11", String(10 + failures)));
    await run();
    expect(await subscription()).toMatchObject({ failures });
    await unpause();
  }
  await run();
  expect(await subscription()).toBeUndefined();
});

test("to a person ten things are pushed at once, then one in some seconds; the jobs are the person's", async () => {
  // However long this takes, nothing more may be pushed for that.
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  for (let i = 0; i < 3; i++) await subscribe("1");
  await happens(...Array.from({ length: 8 }, (_, i) => like(String(100 + i), "2")));
  await happens(...Array.from({ length: 8 }, (_, i) => like(String(200 + i), "2")));
  await happens(like("300", "2"));
  expect(await jobs()).toHaveLength(30);
  expect(new Set((await jobs()).map(({ owner }) => owner))).toEqual(new Set(["1"]));
  await own.db
    .updateTable("notified")
    .set({ push_ms: String(Date.now() - 7_000) })
    .execute();
  await happens(like("301", "2"));
  await happens(like("302", "2"));
  expect(await jobs()).toHaveLength(33);
});

/** What the consumer does when somebody has written to person 1. */
const written = () =>
  inTransaction(own.db, async (on) =>
    addPushes(
      on,
      own.jobs,
      await pushesOfMessages(on, { pairs: [{ receiverId: "1", senderId: "2" }], groupIds: ["90"] }),
    ),
  );
const keysOfJobs = async () => (await jobs()).map(({ key }) => key.split(" ").slice(2, 4).join(" "));

test.each([
  ["whom the person blocks", Relationship.BLOCKS],
  ["who blocks the person", Relationship.BLOCKED_BY],
])("of what somebody has written %s by then, no browser is told", async (_who, flag) => {
  await subscribe("1");
  const one = { user_id: "1", peer_id: "2", read_id: "0", to_stranger: 0, answered: false };
  await own.db
    .insertInto("conversation")
    .values({ ...one, last_id: "5", unread: 1 })
    .execute();
  await written();
  standing = flag;
  await run();
  expect(asked).toBe(0);
  standing = Relationship.FOLLOWS;
  await run();
  expect(asked).toBe(1);
});

test("of a conversation with unread messages a browser is told once a minute, and not of muted or read ones", async () => {
  await subscribe("1");
  await written();
  const one = { user_id: "1", peer_id: "2", read_id: "0", to_stranger: 0, answered: false };
  await own.db
    .insertInto("conversation")
    .values({ ...one, last_id: "5", unread: 1 })
    .execute();
  const set = (more: object) => own.db.updateTable("conversation").set(more).execute();
  await set({ muted: true });
  await written();
  await set({ muted: false, unread: 0 });
  await written();
  expect(await jobs()).toEqual([]);
  await set({ unread: 1 });
  await written();
  await set({ unread: 2, last_id: "6" });
  await written();
  expect(await keysOfJobs()).toEqual(["10 2"]);
  await run();
  expect(asked).toBe(1);
  // The same messages again, then a new one in the same minute.
  await own.db
    .updateTable("message_push")
    .set({ pushed_ms: String(Date.now() - 1) })
    .execute();
  await forget();
  await set({ last_id: "5" });
  await written();
  expect(await jobs()).toEqual([]);
  await set({ last_id: "7" });
  await written();
  const [next] = await jobs();
  expect(next!.run_at.getTime()).toBeGreaterThan(Date.now() + 50_000);
  // It was read before.
  await set({ unread: 0 });
  await run();
  expect(asked).toBe(1);
});

test("in a group members are told of what others write, and not of notices, their own, and what they do not want", async () => {
  for (const userId of ["1", "2", "3"]) await subscribe(userId);
  const group = {
    id: "90",
    name: "Choir",
    creator_id: null,
    idempotency_key: null,
    last_id: "8",
    total: "1",
  };
  await own.db.insertInto("group_chat").values(group).execute();
  const place = { group_id: "90", role: 1, since_id: "0", joined_id: "0", read_id: "0", seen: "0" };
  const members = ["1", "2", "3", "4"].map((user_id) => ({
    ...place,
    user_id,
    seen: user_id === "2" ? "1" : "0",
  }));
  await own.db.insertInto("member").values(members).execute();
  const say = (id: string, notice: number | null) =>
    own.db
      .insertInto("message")
      .values({
        ...{ low_id: "0", high_id: "90", id, sender_id: "2", content: "a secret", notice },
        ...{
          idempotency_key: null,
          recalled_at_ms: null,
          reply_to_id: null,
          video_id: null,
          profile_id: null,
        },
      })
      .execute();
  const [notice, old, fresh] = [1, 25 * 3_600_000, 0].map((agoMs) => idAtTime(Date.now() - agoMs).toString());
  await say(old!, null);
  await say(notice!, 1);
  // Whether the old one was pushed is known no more: it is no news when something else is told in the group.
  await written();
  expect(await jobs()).toEqual([]);
  await own.db
    .updateTable("notified")
    .set({ unpushed: [10] })
    .where("user_id", "=", "3")
    .execute();
  await say(fresh!, null);
  await written();
  await written();
  expect((await jobs()).map(({ owner }) => owner)).toEqual(["1"]);
  await run();
  expect(asked).toBe(1);
});

test("an account that is deleted meanwhile, or was before, has no browser", async () => {
  const outcome = await heldUp(
    own.database.pool,
    "lock table message.notified in share mode",
    () => subscribe("1").catch((error) => error.reason),
    () => accountErasureStore(own.db, own.jobs).markDeleted("1"),
  );
  expect(outcome).toBe("SESSION_ENDED");
  await expect(subscribe("1")).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  expect(await subscription()).toBeUndefined();
  expect(await own.db.selectFrom("notified").selectAll().execute()).toEqual([]);
});

test("a browser that many people name at once is one person's", async () => {
  const endpoint = { endpoint: "https://push.example.org/one", p256dh: "p", auth: "a" };
  const userIds = Array.from({ length: 8 }, (_, i) => String(i + 1));
  for (let round = 0; round < 5; round++) {
    await Promise.all(userIds.map((userId) => store().put(userId, "7", "en", endpoint)));
    expect(await own.db.selectFrom("push_subscription").select("user_id").execute()).toHaveLength(1);
    await own.db.deleteFrom("push_subscription").execute();
  }
});

test("a browser whose session has ended unheard is told nothing, and forgotten", async () => {
  await subscribe("1");
  await happens(like("11", "2"));
  alive = false;
  await run();
  expect([asked, await subscription()]).toEqual([0, undefined]);
});

test("nothing is sent of what was seen, or fell out", async () => {
  await subscribe("1");
  await happens(like("11", "2"));
  await own.db.updateTable("notified").set({ seen: "1" }).execute();
  await run();
  await own.db.updateTable("notified").set({ seen: "0" }).execute();
  await happens({ ...like("11", "2"), what: "remove" } as Change);
  await run();
  expect(asked).toBe(0);
});

test("the keys are made once for all processes, and anew where the secret is another one", async () => {
  const [one, two] = await Promise.all([keys(), keys()]);
  expect(two).toEqual(one);
  const [row] = await own.db.selectFrom("push_key").selectAll().execute();
  expect(row!.sealed.toString("latin1")).not.toContain(one.privateKey);
  const other = await store("t".repeat(32)).keys(webPush.generateVAPIDKeys);
  expect(other.publicKey).not.toBe(one.publicKey);
  expect(await own.db.selectFrom("push_key").selectAll().execute()).toHaveLength(1);
});
