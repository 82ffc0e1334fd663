import { createECDH, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import webPush from "web-push";
import { sealedBy } from "#platform/seal/key-seal.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { migrations } from "../migrations.ts";
import type { Tables } from "../tables.ts";
import type { Change } from "./changes.ts";
import { kinds } from "./kinds.ts";
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
const service = createServer((_request, response) => {
  asked++;
  response.writeHead(status, headers).end();
});
beforeEach(async () => {
  [status, headers, asked] = [201, {}, 0];
  service.listen(0, "127.0.0.1");
  await once(service, "listening");
});
afterEach(async () => {
  service.closeAllConnections();
  await new Promise((resolve) => service.close(resolve));
  const tables = ["job", "person", "timeline", "notified", "notification", "notification_fact"];
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
      getUsers: async ({ ids }: { ids: string[] }) => ({ users: ids.map((id) => ({ id, name: "Ben" })) }),
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
/** What the consumer does. */
const happens = (...changes: Change[]) =>
  own.events.transaction(own.db, async (on, emit) =>
    addPushes(on, own.jobs, (await applyToLists(on, changes, emit)).news),
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
    const [again] = await jobs();
    expect(again!.run_at.getTime() - sinceMs).toBeGreaterThan(least);
    expect(again!.run_at.getTime() - sinceMs).toBeLessThan(3_700_000);
  }
  const row = await run();
  // The last attempt: it is left to the worker, which removes it.
  expect(await jobs()).toMatchObject([{ id: row.id }]);
  expect(asked).toBe(5);
  status = 410;
  await run();
  expect(await own.db.selectFrom("push_subscription").selectAll().execute()).toEqual([]);
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
