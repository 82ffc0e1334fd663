import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Session, UserService } from "#contracts/gen/user_pb.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { createSnowflake, idAtTime } from "#platform/ids/snowflake.ts";
import { localIssuerKeys } from "#platform/keys/issuer-keys.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { localPresence } from "#platform/presence/presence-memory.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import type { Call } from "#platform/rpc/call.ts";
import { directClient } from "#platform/rpc/direct-link.ts";
import type { Client } from "#platform/rpc/service.ts";
import { sealedBy } from "#platform/seal/key-seal.ts";
import { createSecurityLog } from "#platform/security/security-log.ts";
import { localSignals } from "#platform/signals/signals.ts";
import { fixedSettings } from "#platform/testing/fixed-settings.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { userModule } from "./index.ts";
import { keysCommand } from "./keys-command.ts";
import { migrations } from "./migrations.ts";
import { maxSessionsPerUser } from "./rules.ts";
import type { Tables } from "./tables.ts";

const noBlobs = () => Promise.reject(new Error("no blobs are asked for"));
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let dir: string;
let user: Client<typeof UserService>;
const undo: (() => Promise<unknown>)[] = [];

/** A process of the service; several share the database. */
async function start(limits = false, secret = "s".repeat(32)): Promise<Client<typeof UserService>> {
  const metrics = createMetrics();
  const { jobs, events } = own.join();
  const running = await userModule.start({
    config: { secret, rotateAfterMs: 30 * 24 * 3_600_000 },
    db: own.db,
    clients: {},
    outage: () => undefined,
    jobs,
    ids: createSnowflake({ node: undo.length, floorMs: 0, nowMs: Date.now }),
    events,
    blobs: await diskBlobStore(dir),
    media: {} as never,
    caches: embeddedCaches(metrics),
    protect: embeddedProtection({ limits, metrics }),
    signals: localSignals(),
    presence: localPresence(),
    issuerKeys: localIssuerKeys(),
    settings: fixedSettings(),
    metrics,
    security: createSecurityLog(own.database.of("security"), createLog("silent")),
    log: createLog("silent"),
  });
  undo.push(async () => running.stop?.());
  return directClient(UserService, running.handlers, metrics.rpc);
}
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("user", `${Object.keys(migrations).length}`, migrations);
  dir = await mkdtemp(join(tmpdir(), "douya-user-"));
  user = await start();
});
afterEach(async () => {
  for (const step of undo.splice(0)) await step();
  await own.drop();
  await rm(dir, { recursive: true, force: true });
});

const as = (callerId?: string): Call => ({
  callerId,
  traceId: "0".repeat(32),
  deadlineMs: Date.now() + 60_000,
});
const password = "correct horse";
const register = (username: string, more = {}) => user.register({ username, password, ...more }, as());
const logIn = (username: string, more = {}) => user.logIn({ username, password, ...more }, as());
const refresh = (refreshToken: string) => user.refresh({ refreshToken }, as());
const devices = async (of: Session) => (await user.listSessions({}, as(of.user!.id))).devices;
const alive = async (...sessions: Session[]) =>
  (
    await user.checkSessions(
      { sessions: sessions.map(({ user, sessionId }) => ({ userId: user!.id, sessionId })) },
      as(),
    )
  ).aliveSessionIds;
const sql = (text: string) => own.database.pool.query(text);
const wrongPassword = { kind: "forbidden", reason: "WRONG_PASSWORD" };
const badCredentials = { kind: "unauthenticated", reason: "BAD_CREDENTIALS" };
const ended = { kind: "unauthenticated", reason: "SESSION_ENDED" };

describe("accounts", () => {
  test("a registration opens a session, and every form of the name logs in", async () => {
    const made = await register(" Zoé ");
    expect(made.user).toMatchObject({ username: "Zoé", name: "Zoé", signature: "", avatarKey: "" });
    expect(await alive(made)).toEqual([made.sessionId]);
    for (const name of ["Zoé", "zoe\u0301", " ＺＯÉ"])
      expect((await logIn(name)).user!.id).toBe(made.user!.id);
  });

  test.each(["ANN", "ａｎｎ", " ann "])("a name that is taken, written as %j", async (name) => {
    await register("Ann");
    await expect(register(name)).rejects.toMatchObject({ kind: "conflict", reason: "NAME_TAKEN" });
    expect((await sql('select count(*)::int as n from "user".session')).rows).toEqual([{ n: 1 }]);
  });

  test("many who want one name at once: one gets it", async () => {
    const results = await Promise.allSettled(["Bob", "bob", "BOB", "ｂｏｂ"].map((name) => register(name)));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  test("a wrong name and a wrong password get the same answer after the same time", async () => {
    await register("Ann");
    const refusal = (attempt: Promise<unknown>) =>
      attempt.then(
        () => expect.unreachable(),
        ({ kind, reason, message }) => ({ kind, reason, message }),
      );
    const wrongName = () => refusal(logIn("Nobody"));
    const wrongPassword = () => refusal(logIn("Ann", { password: "wrong horse" }));
    expect(await wrongName()).toEqual(await wrongPassword());
    expect(await wrongName()).toMatchObject(badCredentials);
    const quickest = { name: Number.POSITIVE_INFINITY, password: Number.POSITIVE_INFINITY };
    const time = async (which: "name" | "password", attempt: () => Promise<unknown>) => {
      // In processor time, which other programs on the machine do not change.
      const before = process.cpuUsage();
      await attempt();
      const { user, system } = process.cpuUsage(before);
      quickest[which] = Math.min(quickest[which], user + system);
    };
    for (let round = 0; round < 8; round++) {
      await time("name", wrongName);
      await time("password", wrongPassword);
    }
    expect(quickest.name / quickest.password).toBeGreaterThan(0.5);
    expect(quickest.name / quickest.password).toBeLessThan(2);
  });

  test.each(["", "a\0b", "x".repeat(10_000), "\ud800"])("%j is nobody's name", async (name) => {
    await expect(logIn(name)).rejects.toMatchObject(badCredentials);
    await expect(register(name)).rejects.toMatchObject({ reason: "NAME_INVALID" });
  });

  test("no password in the clear is kept", async () => {
    await register("Ann");
    const { rows } = await sql('select password_hash from "user".account');
    expect(rows[0].password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  });

  test("a school can log in at once, but no address without end", async () => {
    user = await start(true);
    const reasonOf = (attempt: Promise<unknown>) =>
      attempt.then(
        () => "none",
        (error) => error.reason,
      );
    const reasons = await Promise.all(
      Array.from({ length: 400 }, (_, i) => reasonOf(logIn(`Nobody ${i}`, { address: "203.0.113.7" }))),
    );
    const refused = reasons.filter((reason) => reason === "TOO_MANY_REQUESTS").length;
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(100);
    await expect(logIn("Nobody", { address: "203.0.113.8" })).rejects.toMatchObject(badCredentials);
  });

  test("guesses at a name do not lock a logged-in owner out of what asks for the password", async () => {
    user = await start(true);
    const ann = await register("Ann", { address: "203.0.113.1" });
    const reasonOf = (asked: Promise<unknown>) =>
      asked.then(
        () => "none",
        (error) => error.reason,
      );
    const guesses = Array.from({ length: 130 }, (_, i) =>
      reasonOf(logIn("Ann", { address: `198.51.100.${i}`, password: "a guess" })),
    );
    const change = (currentPassword: string) =>
      reasonOf(user.changePassword({ currentPassword, newPassword: "another one" }, as(ann.user!.id)));
    const close = reasonOf(user.closeAccount({ password: "a guess" }, as(ann.user!.id)));
    expect(["WRONG_PASSWORD", "BUSY"]).toContain(await change("a guess"));
    expect(["WRONG_PASSWORD", "BUSY"]).toContain(await close);
    expect(await Promise.all(guesses)).toContain("TOO_MANY_ATTEMPTS");
    // They have their own limit.
    const own = await Promise.all(Array.from({ length: 40 }, () => change("a guess")));
    expect(own).toContain("TOO_MANY_ATTEMPTS");
  });

  test("guesses from everywhere stop at a hundred, survive a restart, and lock no known device out", async () => {
    // However long it takes, no limit lets one more in for that.
    vi.useFakeTimers({ toFake: ["Date"] });
    undo.push(async () => vi.useRealTimers());
    user = await start(true);
    const home = "203.0.113.1";
    const ann = await register("Ann", { address: home, device: "ann's laptop" });
    await logIn("Ann", { address: "203.0.113.9", device: "ann's phone" });
    const reasonOf = (asked: Promise<unknown>) =>
      asked.then(
        () => "none",
        (error) => error.reason,
      );
    // Few at a time, so that none is refused because of a long queue.
    const guess = async (from: number, to: number, more: (i: number) => object) => {
      const heard: string[] = [];
      for (let i = from; i < to; i += 20)
        heard.push(
          ...(await Promise.all(
            Array.from({ length: 20 }, (_, j) =>
              reasonOf(logIn("Ann", { password: "a guess", ...more(i + j) })),
            ),
          )),
        );
      return heard;
    };
    const heard = await guess(0, 140, (i) => ({ address: `198.51.100.${i}`, device: `nobody ${i}` }));
    expect(heard.filter((reason) => reason === "BAD_CREDENTIALS")).toHaveLength(100);
    expect(heard.filter((reason) => reason === "TOO_MANY_ATTEMPTS")).toHaveLength(40);
    for (const service of [user, await start(true)]) {
      user = service;
      // The right password does not reduce the guesses.
      const elsewhere = await logIn("Ann", { address: "192.0.2.1" }).catch((error) => error);
      expect(elsewhere).toMatchObject({ kind: "exhausted", reason: "TOO_MANY_ATTEMPTS" });
      expect(elsewhere.retryAfterMs).toBeGreaterThan(0);
      expect(elsewhere.retryAfterMs).toBeLessThanOrEqual(60_000);
      for (const known of [
        { address: "192.0.2.2", device: "ann's laptop" },
        { address: "192.0.2.3", device: "ann's phone" },
        { address: home },
      ])
        expect((await logIn("Ann", known)).user!.id).toBe(ann.user!.id);
    }
    // From the owner's own network too: recognised not by the address, but by the device.
    await guess(0, 340, () => ({ address: home, device: "a neighbour" }));
    expect(await reasonOf(logIn("Ann", { address: home }))).toBe("TOO_MANY_REQUESTS");
    await logIn("Ann", { address: home, device: "ann's laptop" });
  });

  test("the most recently used devices are remembered", async () => {
    const ann = await register("Ann", { address: "203.0.113.1", device: "laptop" });
    await sql(`update "user".known_device set seen_at = now() - interval '2 days'`);
    await sql(`insert into "user".known_device (user_id, mark, seen_at)
      select ${ann.user!.id}, sha256(n::text::bytea), now() - interval '1 day' from generate_series(1, 60) n`);
    await logIn("Ann", { address: "203.0.113.1", device: "laptop" });
    const { rows } = await sql('select count(*)::int as n from "user".known_device');
    expect(rows).toEqual([{ n: 40 }]);
    const found = await sql(`select from "user".known_device where seen_at > now() - interval '1 hour'`);
    expect(found.rows).toHaveLength(2);
  });
});

describe("sessions", () => {
  test("a classic session cannot refresh and has a long access token", async () => {
    const classic = await register("Ann", { classic: true });
    expect(classic.refreshToken).toBe("");
    expect(classic.accessTokenExpiresAtMs - Date.now()).toBeGreaterThan(29 * 86_400_000);
    const own = await logIn("Ann");
    expect(own.accessTokenExpiresAtMs - Date.now()).toBeLessThan(16 * 60_000);
    await expect(refresh(`${classic.user!.id}.${classic.sessionId}.`)).rejects.toMatchObject(ended);
  });

  test("a refresh token is exchanged for new ones of the same session, repeatedly", async () => {
    const first = await register("Ann");
    let { refreshToken } = first;
    const seen = new Set([refreshToken]);
    for (let i = 0; i < 3; i++) {
      const next = await refresh(refreshToken);
      expect(next.sessionId).toBe(first.sessionId);
      expect(next.user!.id).toBe(first.user!.id);
      refreshToken = next.refreshToken;
      seen.add(refreshToken);
    }
    expect(seen.size).toBe(4);
    expect(await alive(first)).toEqual([first.sessionId]);
  });

  test("a repeated request a moment later gets the same token, and both may continue with it", async () => {
    const { refreshToken } = await register("Ann");
    const other = await start();
    // Opens connections first, so that the requests really are concurrent.
    await Promise.all(Array.from({ length: 10 }, () => sql("select pg_sleep(0.05)")));
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => (i % 2 ? user : other).refresh({ refreshToken }, as())),
    );
    const next = new Set(answers.map((answer) => answer.refreshToken));
    expect(next.size).toBe(1);
    await sql(`update "user".session set rotated_at = rotated_at - interval '1 h'`);
    await refresh([...next][0]!);
  });

  test("the moment counts in the clock that recorded it, whatever ours says", async () => {
    const { refreshToken } = await register("Ann");
    const next = await refresh(refreshToken);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    undo.push(async () => vi.useRealTimers());
    expect((await refresh(refreshToken)).refreshToken).toBe(next.refreshToken);
  });

  test("a token that was rotated long ago ends its session, for thief and owner", async () => {
    const first = await register("Ann");
    const second = await refresh(first.refreshToken);
    await sql(`update "user".session set rotated_at = rotated_at - interval '11 s'`);
    await expect(refresh(first.refreshToken)).rejects.toMatchObject(ended);
    await expect(refresh(second.refreshToken)).rejects.toMatchObject(ended);
    expect(await alive(first)).toEqual([]);
  });

  test("so does one that was rotated twice, after a thief continued with it", async () => {
    const first = await register("Ann");
    const second = await refresh(first.refreshToken);
    const third = await refresh(second.refreshToken);
    await sql(`update "user".session set rotated_at = rotated_at - interval '11 s'`);
    await expect(refresh(first.refreshToken)).rejects.toMatchObject(ended);
    await expect(refresh(third.refreshToken)).rejects.toMatchObject(ended);
  });

  test.each([
    "",
    "x",
    "1.2",
    "0.0.0",
    "a.b.c",
    "1.2.3.4",
    "9".repeat(5000),
  ])("%j is no refresh token", async (token) => {
    await expect(refresh(token)).rejects.toMatchObject(ended);
  });

  test("a guess ends nobody's session", async () => {
    const ann = await register("Ann");
    const guess = `${ann.user!.id}.${ann.sessionId}.${"A".repeat(43)}`;
    await expect(refresh(guess)).rejects.toMatchObject(ended);
    expect(await alive(ann)).toEqual([ann.sessionId]);
  });

  test("an expired session is over", async () => {
    const ann = await register("Ann");
    await sql(`update "user".session set expires_at = now() - interval '1 s'`);
    expect(await alive(ann)).toEqual([]);
    await expect(refresh(ann.refreshToken)).rejects.toMatchObject(ended);
    expect(await devices(ann)).toEqual([]);
  });

  test("a session ends 180 days after its password was given, refreshed or not", async () => {
    const ann = await register("Ann");
    const days = (count: number) => `interval '${count} days'`;
    await sql(`update "user".session set password_at = now() - ${days(170)}`);
    const late = await refresh(ann.refreshToken);
    const leftDays = (late.sessionExpiresAtMs - Date.now()) / 86_400_000;
    expect(leftDays).toBeGreaterThan(9.9);
    expect(leftDays).toBeLessThan(10.1);
    await sql(`update "user".session set password_at = now() - ${days(180)}`);
    const last = await refresh(late.refreshToken).catch((error) => error);
    expect(last.accessTokenExpiresAtMs ?? 0).toBeLessThanOrEqual(Date.now());
    expect(await alive(ann)).toEqual([]);
    await expect(refresh(late.refreshToken)).rejects.toMatchObject(ended);
  });

  test("a session whose owner gives the password again lasts another 180 days", async () => {
    const ann = await register("Ann");
    await sql(`update "user".session set password_at = now() - interval '170 days'`);
    const { sessionId } = ann;
    await user.changePassword(
      { currentPassword: password, newPassword: "battery staple", sessionId },
      as(ann.user!.id),
    );
    const { sessionExpiresAtMs } = await refresh(ann.refreshToken);
    expect(sessionExpiresAtMs - Date.now()).toBeGreaterThan(29 * 86_400_000);
  });

  test("are listed by their devices, ended one by one, and all at once; again does nothing", async () => {
    const phone = await register("Ann", { userAgent: "phone" });
    const desk = await logIn("Ann", { userAgent: "desk" });
    const bob = await register("Bob");
    expect((await devices(phone)).map(({ userAgent }) => userAgent).sort()).toEqual(["desk", "phone"]);
    const end = (sessionId: string) => user.endSessions({ sessionId }, as(phone.user!.id));
    await end(bob.sessionId);
    await end(desk.sessionId);
    await end(desk.sessionId);
    expect(await alive(phone, desk, bob)).toEqual([phone.sessionId, bob.sessionId]);
    await end("");
    expect(await alive(phone, bob)).toEqual([bob.sessionId]);
    await expect(end("x")).rejects.toMatchObject({ reason: "SESSION_NOT_FOUND" });
    await expect(user.endSessions({}, as())).rejects.toMatchObject({ reason: "LOGIN_REQUIRED" });
  });

  test("beyond the maximum, the least recently used ones end", async () => {
    const first = await register("Ann");
    const second = await logIn("Ann");
    // The second is old, but in use.
    await sql(
      `update "user".session set last_used_at = now() - interval '1 d' where id = ${first.sessionId}`,
    );
    const id = first.user!.id;
    await sql(`insert into "user".session (user_id, id, classic, user_agent, last_used_at, expires_at)
      select ${id}, n, false, '', now() - interval '1 h', now() + interval '1 d' from generate_series(1, ${maxSessionsPerUser - 2}) n`);
    const last = await logIn("Ann");
    expect(await devices(first)).toHaveLength(maxSessionsPerUser);
    expect(await alive(first, second, last)).toEqual([second.sessionId, last.sessionId]);
  });

  test("a session is alive for its owner only, whatever is asked for at once", async () => {
    const [ann, bob] = [await register("Ann"), await register("Bob")];
    const { sessionId } = ann;
    const check = (userId: string) => user.checkSessions({ sessions: [{ userId, sessionId }] }, as());
    const [hers, his, nobodys, broken] = await Promise.all(
      [ann.user!.id, bob.user!.id, "7", "x'"].map(check),
    );
    expect(hers!.aliveSessionIds).toEqual([sessionId]);
    for (const answer of [his, nobodys, broken]) expect(answer!.aliveSessionIds).toEqual([]);
  });

  test("a look at a session that nobody uses leaves its last use as it is", async () => {
    const { sessionId, user: ann } = await register("Ann");
    await sql(`update "user".session set last_used_at = now() - interval '1 day'`);
    const lastUse = async () => (await sql(`select last_used_at::text from "user".session`)).rows;
    const before = await lastUse();
    const sessions = [{ userId: ann!.id, sessionId }];
    expect((await user.checkSessions({ sessions, unused: true }, as())).aliveSessionIds).toEqual([sessionId]);
    expect(await lastUse()).toEqual(before);
    await user.checkSessions({ sessions }, as());
    expect(await lastUse()).not.toEqual(before);
  });

  test("a new password ends all others, and only the new one is good", async () => {
    const [here, there] = [await register("Ann"), await logIn("Ann")];
    const change = (currentPassword: string, newPassword: string, sessionId = here.sessionId) =>
      user.changePassword({ currentPassword, newPassword, sessionId }, as(here.user!.id));
    await expect(change("wrong horse", "battery staple")).rejects.toMatchObject(wrongPassword);
    await expect(change(password, "1234")).rejects.toMatchObject({ reason: "PASSWORD_INVALID" });
    expect(await alive(here, there)).toHaveLength(2);
    await change(password, "battery staple");
    expect(await alive(here, there)).toEqual([here.sessionId]);
    await expect(logIn("Ann")).rejects.toMatchObject(badCredentials);
    await logIn("Ann", { password: "battery staple" });
    await change("battery staple", password, "x");
    expect(await devices(here)).toEqual([]);
  });
});

describe("what was under way", () => {
  /** The number of transactions that wait for a lock. */
  const waiting = async () =>
    (
      await sql(
        "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      )
    ).rows.length;

  /** `first` runs up to the sessions before `second` begins; then both continue together. */
  async function overtaken<A, B>(first: () => Promise<A>, second: () => Promise<B>) {
    const gate = await own.database.pool.connect();
    await gate.query(`begin; lock table "user".session in share row exclusive mode`);
    const begun = [first().then(String, (error) => error.reason)];
    await expect.poll(waiting).toBe(1);
    begun.push(second().then(String, (error) => error.reason));
    await expect.poll(waiting).toBe(2);
    await gate.query("commit");
    gate.release();
    return Promise.all(begun);
  }

  test.each([
    "is changed",
    "is not, but all sessions end",
    "is not, but the account is closed",
  ])("a login opens no session when the password %s meanwhile", async (what) => {
    const ann = await register("Ann");
    const caller = as(ann.user!.id);
    const ways: Record<string, () => Promise<unknown>> = {
      "is changed": () =>
        user.changePassword(
          { currentPassword: password, newPassword: "battery staple", sessionId: ann.sessionId },
          caller,
        ),
      "is not, but all sessions end": () => user.endSessions({}, caller),
      "is not, but the account is closed": () => user.closeAccount({ password }, caller),
    };
    const [login, other] = await overtaken(() => logIn("Ann"), ways[what]!);
    expect(other).toBe("[object Object]");
    expect(login).toBe(
      { "is changed": "BAD_CREDENTIALS", "is not, but all sessions end": "SESSION_ENDED" }[what] ??
        "ACCOUNT_CLOSING",
    );
    const { rows } = await sql('select id from "user".session');
    expect(rows.map(({ id }) => id)).toEqual(what === "is changed" ? [ann.sessionId] : []);
  });

  test("of two concurrent password changes one is refused, and so is a deletion with the old password", async () => {
    const ann = await register("Ann");
    const change = (newPassword: string) =>
      user.changePassword(
        { currentPassword: password, newPassword, sessionId: ann.sessionId },
        as(ann.user!.id),
      );
    const results = await Promise.all(
      [change("battery staple"), change("stapled battery"), change("horse battery")].map((one) =>
        one.then(
          () => "changed",
          (error) => error.reason,
        ),
      ),
    );
    expect(results.sort()).toEqual(["WRONG_PASSWORD", "WRONG_PASSWORD", "changed"]);
    const close = user.closeAccount({ password }, as(ann.user!.id));
    await expect(close).rejects.toMatchObject(wrongPassword);
  });

  test("a refresh overtaken by a password change gives no valid token", async () => {
    const [here, there] = [await register("Ann"), await logIn("Ann")];
    const change = () =>
      user.changePassword(
        { currentPassword: password, newPassword: "battery staple", sessionId: here.sessionId },
        as(here.user!.id),
      );
    const answers = await overtaken(change, () => refresh(there.refreshToken));
    expect(answers).toEqual([
      "[object Object]",
      expect.stringMatching(/^(SESSION_ENDED|\[object Object\])$/),
    ]);
    expect(await alive(here, there)).toEqual([here.sessionId]);
    await expect(refresh(there.refreshToken)).rejects.toMatchObject(ended);
  });
});

describe("keys", () => {
  const published = async () => (await user.listPublicKeys({}, as())).jwks.map((jwk) => JSON.parse(jwk));
  const verify = async (token: string) =>
    (
      await jwtVerify(token, createLocalJWKSet({ keys: await published() }), {
        issuer: "user",
        audience: "douya",
      })
    ).payload;

  test("an access token names its person and session, and verifies with what is published", async () => {
    const ann = await register("Ann");
    expect(await verify(ann.accessToken)).toMatchObject({ sub: ann.user!.id, sid: ann.sessionId });
    const [header = "", body, signature] = ann.accessToken.split(".");
    const none = Buffer.from(JSON.stringify({ ...decodeProtectedHeader(ann.accessToken), alg: "none" }));
    await expect(verify(`${none.toString("base64url")}.${body}.`)).rejects.toThrow();
    await expect(verify(`${header}.${body}x.${signature}`)).rejects.toThrow();
  });

  /** The key that signs next signs from now on. */
  const signNow = () => sql(`update "user".signing_key set signs_from = now()`);
  const kidOf = ({ accessToken }: Session) => decodeProtectedHeader(accessToken).kid;

  test.each([
    ["after thirty days", () => sql(`update "user".signing_key set created_at = now() - interval '31 d'`)],
    ["when an operator asks for it", () => keysCommand.run(own.db, ["rotate"], () => {}, noBlobs)],
  ])("rotate %s: published first, then used, and nobody is logged out", async (_when, ask) => {
    const before = await register("Ann");
    await ask();
    const restarted = await Promise.all([start(), start(), start()]);
    user = restarted[0]!;
    expect(await published()).toHaveLength(2);
    expect(kidOf(await logIn("Ann"))).toBe(kidOf(before));
    const next = (await published()).find(({ kid }) => kid !== kidOf(before));
    await signNow();
    user = await start();
    const after = await logIn("Ann");
    expect(kidOf(after)).toBe(next.kid);
    expect(await published()).toHaveLength(2);
    for (const session of [before, after])
      expect(await verify(session.accessToken)).toMatchObject({ sub: session.user!.id });
    await refresh(before.refreshToken);
  });

  test("a refresh that was repeated while the key changed gets the same answer", async () => {
    const { refreshToken } = await register("Ann");
    const first = await refresh(refreshToken);
    await keysCommand.run(own.db, ["rotate"], () => {}, noBlobs);
    await start();
    await signNow();
    user = await start();
    const second = await refresh(refreshToken);
    expect(kidOf(second)).not.toBe(kidOf(first));
    expect(second.refreshToken).toBe(first.refreshToken);
  });

  test("the command lists them, and refuses what it does not know", async () => {
    await keysCommand.run(own.db, ["rotate"], () => {}, noBlobs);
    await start();
    const lines = await keysCommand.run(own.db, [], () => {}, noBlobs);
    expect(lines).toEqual([expect.stringMatching(/signs from 20/), expect.stringMatching(/ signs$/)]);
    await expect(keysCommand.run(own.db, ["burn"], () => {}, noBlobs)).rejects.toMatchObject({
      reason: "ARGUMENT_INVALID",
    });
  });

  test("are removed when the last token that they signed has expired, and kept until then", async () => {
    await sql(`update "user".signing_key set created_at = now() - interval '61 d'`);
    await start();
    expect(await published()).toHaveLength(2);
    await sql(`update "user".signing_key set created_at = created_at - interval '30 d'`);
    await start();
    expect(await published()).toHaveLength(2);
  });

  const privateHalves = async () =>
    (await sql('select kid, private_jwk, sealed from "user".signing_key')).rows;

  test("private halves are encrypted, and older ones from the next start on", async () => {
    const before = await register("Ann");
    const [row] = await privateHalves();
    expect(row.private_jwk).toBeNull();
    const jwk = JSON.parse(sealedBy("s".repeat(32), "signing keys").open(row.kid, row.sealed)!);
    expect(jwk).toMatchObject({ kty: "OKP", crv: "Ed25519", d: expect.stringMatching(/^[\w-]{43}$/) });
    expect(row.sealed.includes(jwk.d)).toBe(false);
    await own.database.pool.query('update "user".signing_key set sealed = null, private_jwk = $1', [jwk]);
    user = await start();
    const [again] = await privateHalves();
    expect(again).toMatchObject({ kid: row.kid, private_jwk: null, sealed: expect.any(Buffer) });
    const after = await logIn("Ann");
    expect(decodeProtectedHeader(after.accessToken).kid).toBe(row.kid);
    await refresh(before.refreshToken);
  });

  test("another secret makes a new key and logs nobody out", async () => {
    const before = await register("Ann");
    user = await start(false, "t".repeat(32));
    expect(await published()).toHaveLength(2);
    const after = await logIn("Ann");
    expect(decodeProtectedHeader(after.accessToken).kid).not.toBe(
      decodeProtectedHeader(before.accessToken).kid,
    );
    for (const { accessToken } of [before, after]) await verify(accessToken);
    await refresh(before.refreshToken);
    // In reverse order too: each finds its own.
    user = await start();
    expect(await published()).toHaveLength(2);
    expect(decodeProtectedHeader((await logIn("Ann")).accessToken).kid).toBe(
      decodeProtectedHeader(before.accessToken).kid,
    );
  });

  test("a sealed key that was changed or belongs to another kid does not open", () => {
    const seal = sealedBy("s".repeat(32), "signing keys");
    const sealed = seal.seal("one", "text");
    expect(seal.open("one", sealed)).toBe("text");
    expect(seal.open("two", sealed)).toBeUndefined();
    expect(sealedBy("t".repeat(32), "signing keys").open("one", sealed)).toBeUndefined();
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i]! ^= 1;
      expect(seal.open("one", changed)).toBeUndefined();
      expect(seal.open("one", sealed.subarray(0, i))).toBeUndefined();
    }
  });

  test("private halves never leave", async () => {
    for (const key of await published()) {
      expect(Object.keys(key).sort()).toEqual(["alg", "crv", "exp", "kid", "kty", "nbf", "use", "x"]);
      expect(key).toMatchObject({ alg: "EdDSA", crv: "Ed25519", kty: "OKP", use: "sig" });
    }
  });
});

describe("profiles", () => {
  test("known people are found in the order asked, unknown ones left out", async () => {
    const [ann, bob] = [(await register("Ann")).user!, (await register("Bob")).user!];
    const asked = [bob.id, "1", "x", "9".repeat(30), ann.id, bob.id, idAtTime(Date.now() + 1e9).toString()];
    expect((await user.getUsers({ ids: asked }, as())).users.map(({ name }) => name)).toEqual([
      "Bob",
      "Ann",
      "Bob",
    ]);
  });

  test("absent fields stay", async () => {
    const { id } = (await register("Ann")).user!;
    const update = (change: { name?: string; signature?: string }) => user.updateProfile(change, as(id));
    expect(await update({ name: "Annie 👩‍🎤" })).toMatchObject({
      name: "Annie 👩‍🎤",
      signature: "",
      username: "Ann",
    });
    expect(await update({ signature: "hello" })).toMatchObject({ name: "Annie 👩‍🎤", signature: "hello" });
    expect(await update({})).toMatchObject({ name: "Annie 👩‍🎤", signature: "hello" });
    expect(await update({ signature: "" })).toMatchObject({ signature: "" });
    await expect(update({ name: "\u200b" })).rejects.toMatchObject({ reason: "NAME_INVALID" });
    await expect(update({ signature: "a\nb" })).rejects.toMatchObject({ reason: "SIGNATURE_INVALID" });
  });
});
