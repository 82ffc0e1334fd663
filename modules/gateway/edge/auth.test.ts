import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import { localIssuerKeys } from "#platform/keys/issuer-keys.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import type { Signals } from "#platform/signals/signals.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { type Auth, createAuth } from "./auth.ts";

const { privateKey, publicKey } = await generateKeyPair("EdDSA");
const publicJwk = await exportJWK(publicKey);
const kid = await calculateJwkThumbprint(publicJwk);
const jwk = JSON.stringify({ ...publicJwk, alg: "EdDSA", kid });
const call = () => ({ traceId: "0".repeat(32), deadlineMs: Date.now() + 20_000 });
/** `issuedAt`: as a number, seconds since 1970. Without it, the issuer tells nothing of it. */
const tokenOf = (userId: string, { issuedAt, moderator }: { issuedAt?: number; moderator?: boolean } = {}) =>
  new SignJWT({ sid: `session of ${userId}`, iat: issuedAt, mod: moderator })
    .setProtectedHeader({ alg: "EdDSA", kid })
    .setIssuer("user")
    .setAudience("douya")
    .setSubject(userId)
    .setExpirationTime("1h")
    .sign(privateKey);

let auth: Auth;
let startAuth: () => Auth;
/**
 * What the log tells at the next look: events of these people, where one session of theirs is named or none, or
 * (undefined) that nobody knows whose.
 */
let told: (string | { userId: string; sessionId: string })[] | undefined;
let looks: number;
let logAway: boolean;
let hear: (userId: string) => void;
/** What other gateways are told. */
let signalled: string[];
let ended: Set<string>;
/** How many times each session was checked. */
let asked: string[];
let beforeAnswer: () => Promise<void>;
beforeEach(() => {
  ended = new Set();
  asked = [];
  beforeAnswer = async () => {};
  const user = {
    listPublicKeys: async () => ({ jwks: [jwk] }),
    async checkSessions({ sessions }: { sessions: { sessionId: string }[] }) {
      const ids = sessions.map((one) => one.sessionId);
      asked.push(...ids);
      const aliveSessionIds = ids.filter((id) => !ended.has(id));
      await beforeAnswer();
      return { aliveSessionIds, moderatorSessionIds: [], mutedSessions: [] };
    },
  };
  told = [];
  looks = 0;
  logAway = false;
  signalled = [];
  const events = {
    async changesSince(_types: unknown, cursor: string) {
      if (logAway) throw new Error("away");
      // As the log does: it tells nothing of before it is followed.
      if (cursor === "") told = undefined;
      const found = told?.map((one) => {
        const [userId, sessionIds] = typeof one === "string" ? [one, []] : [one.userId, [one.sessionId]];
        return { type: "user.sessions_ended.v1", message: { userId, sessionIds } };
      });
      told = [];
      looks++;
      return { cursor: "1", events: found };
    },
  };
  const signals: Signals = {
    async tell(_channel, message) {
      signalled.push(message);
    },
    listen(_channel, listener) {
      hear = listener;
    },
    isShared: () => true,
  };
  startAuth = () => {
    auth?.stop();
    return createAuth(
      user as unknown as GatewayClients["user"],
      embeddedCaches(createMetrics()),
      events as unknown as EventBroadcast,
      signals,
      localIssuerKeys(),
    );
  };
  auth = startAuth();
});

/** Holds one check that finds the session alive; returns a function that releases its answer. */
async function checkUnderWay(token: string) {
  let answer = () => {};
  const gate = new Promise<void>((resolve) => {
    answer = resolve;
  });
  beforeAnswer = () => gate;
  const identified = auth.identify(token, call());
  await expect.poll(() => asked.length).toBe(1);
  beforeAnswer = async () => {};
  return { identified, answer };
}

/** Time stands still, from before the log is followed, but for what the returned function lets pass. */
function stopClocks(): (ms: number) => void {
  vi.useFakeTimers({ toFake: ["Date", "performance", "setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  looks = 0;
  auth = startAuth();
  return (ms) => void vi.advanceTimersByTime(ms);
}

/** The log is followed from now on. */
async function followed(token: string): Promise<void> {
  await auth.identify(token, call());
  await expect.poll(() => looks).toBeGreaterThan(0);
}

test("forgetting a person rechecks nobody else's session, even during a check", async () => {
  const token = await tokenOf("ada");
  const { identified, answer } = await checkUnderWay(token);
  auth.forget("ben");
  answer();
  await identified;
  auth.forget("ben");
  expect((await auth.identify(token, call())).userId).toBe("ada");
  expect(asked).toHaveLength(1);
});

test("a forgotten person is checked again, once", async () => {
  const token = await tokenOf("ada");
  await auth.identify(token, call());
  auth.forget("ada");
  await auth.identify(token, call());
  await auth.identify(token, call());
  expect(asked).toHaveLength(2);
  ended.add("session of ada");
  auth.forget("ada");
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("a session that ended during its check is not trusted", async () => {
  const token = await tokenOf("ada");
  const { identified, answer } = await checkUnderWay(token);
  ended.add("session of ada");
  auth.forget("ada");
  answer();
  await identified;
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("a person forgotten before very many others is still checked again, and later ones are not", async () => {
  const [ada, eve] = await Promise.all(
    ["ada", "eve"].map((name) => tokenOf(name)) as [Promise<string>, Promise<string>],
  );
  await auth.identify(ada, call());
  ended.add("session of ada");
  auth.forget("ada");
  for (let i = 0; i < 10_000; i++) auth.forget(`${i}`);
  await auth.identify(eve, call());
  for (let i = 0; i < 5_000; i++) auth.forget(`another ${i}`);
  await auth.identify(eve, call());
  expect(asked.filter((id) => id.endsWith("eve"))).toHaveLength(1);
  await expect(auth.identify(ada, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("what nobody has heard stays unheard where what was forgotten before it is evicted after it", async () => {
  const pass = stopClocks();
  await followed(await tokenOf("eve"));
  for (let i = 0; i < 10_000; i++) auth.forget(`${i}`);
  const token = await tokenOf("ada");
  await auth.identify(token, call());
  ended.add("session of ada");
  told = undefined;
  pass(400);
  await expect.poll(() => auth.known(token)).toBeUndefined();
  auth.forget("another");
  expect(auth.known(token)).toBeUndefined();
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("whose token it is, is known without a look as long as nobody need look", async () => {
  const pass = stopClocks();
  const token = await tokenOf("ada");
  expect(auth.known(token)).toBeUndefined();
  await auth.identify(token, call());
  expect(auth.known(token)).toMatchObject({ userId: "ada" });
  auth.forget("ada");
  expect(auth.known(token)).toBeUndefined();
  await auth.identify(token, call());
  expect(auth.known(token)).toMatchObject({ userId: "ada" });
  // Within which every session is looked at again.
  pass(60_000);
  expect(auth.known(token)).toBeUndefined();
  await auth.identify(token, call());
  await expect.poll(() => auth.known(token)).toBeDefined();
  pass(3_600_000);
  expect(auth.known(token)).toBeUndefined();
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "TOKEN_EXPIRED" });
});

test("a token issued while the log was followed is not waited for, and its session is checked in the background", async () => {
  const pass = stopClocks();
  await followed(await tokenOf("eve"));
  const early = await tokenOf("ben", { issuedAt: Date.now() / 1000 });
  pass(6_000);
  await auth.identify(await tokenOf("eve"), call());
  await expect.poll(() => looks).toBeGreaterThan(1);
  asked = [];

  const { identified, answer } = await checkUnderWay(early);
  // So soon after the log was found, clocks decide: nobody is let in unchecked.
  expect(await Promise.race([identified, Promise.resolve("waits")])).toBe("waits");
  answer();
  await identified;

  ended.add("session of ada");
  const token = await tokenOf("ada", { issuedAt: Date.now() / 1000, moderator: true });
  expect(await auth.identify(token, call())).toMatchObject({ userId: "ada", moderator: true });
  const refused = () =>
    auth.identify(token, call()).then(
      () => "let in",
      (error) => error.reason,
    );
  await expect.poll(refused).toBe("SESSION_ENDED");
  expect(await refused()).toBe("SESSION_ENDED");
});

test("a token is waited for where its person was forgotten, its issuer's clock is ahead, or the log is away", async () => {
  const pass = stopClocks();
  await followed(await tokenOf("eve"));
  pass(6_000);
  await auth.identify(await tokenOf("eve"), call());
  await expect.poll(() => looks).toBeGreaterThan(1);
  for (const name of ["ada", "ben", "zoe"]) ended.add(`session of ${name}`);
  const nowS = Date.now() / 1000;
  auth.forget("ada");
  for (const token of [
    await tokenOf("ada", { issuedAt: nowS }),
    await tokenOf("ben", { issuedAt: nowS + 600 }),
  ])
    await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  logAway = true;
  pass(1_500);
  const token = await tokenOf("zoe", { issuedAt: Date.now() / 1000 });
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("a session that another process ended is refused within a second, by word of the log", async () => {
  const pass = stopClocks();
  const token = await tokenOf("ada");
  await followed(token);
  ended.add("session of ada");
  told = ["ada"];
  expect(auth.known(token)).toBeDefined();
  pass(400);
  // The look that this begins is not waited for.
  expect(auth.known(token)).toBeDefined();
  await expect.poll(() => auth.known(token)).toBeUndefined();
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("within a second also while the log is away: sessions are asked for instead", async () => {
  const pass = stopClocks();
  const token = await tokenOf("ada");
  logAway = true;
  await auth.identify(token, call());
  pass(900);
  expect((await auth.identify(token, call())).userId).toBe("ada");
  expect(asked.length).toBeLessThanOrEqual(2);
  ended.add("session of ada");
  pass(1_001);
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("whose end nobody has seen, because the log could not be followed, is checked again", async () => {
  const pass = stopClocks();
  const token = await tokenOf("ada");
  await followed(token);
  ended.add("session of ada");
  told = undefined;
  pass(400);
  await expect.poll(() => auth.known(token)).toBeUndefined();
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("where too much happens for one look, the log is asked more often, and seldom again when it is calm", async () => {
  const pass = stopClocks();
  const token = await tokenOf("ada");
  await followed(token);
  /** How many looks requests begin in a second. */
  const looksInASecond = async (overflow: boolean) => {
    const before = looks;
    for (let i = 0; i < 50; i++) {
      if (overflow) told = undefined;
      pass(20);
      await auth.identify(token, call());
      await new Promise((resolve) => setImmediate(resolve));
    }
    return looks - before;
  };
  expect(await looksInASecond(false)).toBeLessThan(5);
  await looksInASecond(true);
  expect(await looksInASecond(true)).toBeGreaterThan(20);
  const before = asked.length;
  expect(await looksInASecond(false)).toBeGreaterThan(20);
  expect(asked.length - before).toBeLessThanOrEqual(2);
  for (let i = 0; i < 5; i++) {
    pass(10_001);
    await looksInASecond(false);
  }
  expect(await looksInASecond(false)).toBeLessThan(5);
});

test("the log is followed after the last request, so that the next one waits for no check, and not for ever", async () => {
  const pass = stopClocks();
  await followed(await tokenOf("eve"));
  pass(6_000);
  await expect.poll(() => looks).toBeGreaterThan(1);
  const token = await tokenOf("ada", { issuedAt: Date.now() / 1000 });
  const passes = async (ms: number) => {
    for (let i = 0; i < ms / 100; i++) {
      pass(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await passes(30_000);
  // Its session is checked in the background at the most.
  beforeAnswer = () => new Promise(() => {});
  expect((await auth.identify(token, call())).userId).toBe("ada");
  await passes(61_000);
  const before = looks;
  await passes(10_000);
  expect(looks).toBe(before);
});

test("a log that is away at first is looked for, whether somebody asks or not", async () => {
  stopClocks();
  logAway = true;
  auth = startAuth();
  logAway = false;
  looks = 0;
  await expect.poll(() => looks).toBeGreaterThan(0);
});

test("a clock that is set back keeps nobody in, where the log is away", async () => {
  const pass = stopClocks();
  const token = await tokenOf("ada");
  await followed(token);
  logAway = true;
  ended.add("session of ada");
  vi.setSystemTime(Date.now() - 600_000);
  pass(1_500);
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
});

test("of whoever logs in after very many were forgotten nobody waits for a check", async () => {
  const pass = stopClocks();
  await followed(await tokenOf("eve"));
  for (let i = 0; i < 10_001; i++) auth.forget(`${i}`);
  pass(20_000);
  const before = looks;
  await expect.poll(() => looks).toBeGreaterThan(before + 1);
  const token = await tokenOf("ada", { issuedAt: Date.now() / 1000 });
  auth.forget("another");
  beforeAnswer = () => new Promise(() => {});
  expect((await auth.identify(token, call())).userId).toBe("ada");
  // In the background.
  await expect.poll(() => asked).toContain("session of ada");
});

test("gateways tell each other at once to look at the log, and nothing else that they hear counts", async () => {
  const pass = stopClocks();
  const token = await tokenOf("ada");
  await followed(token);
  pass(30);
  const before = looks;
  for (let i = 0; i < 100; i++) hear("ada");
  pass(30);
  await expect.poll(() => looks).toBe(before + 1);
  expect(auth.known(token)).toBeDefined();
  told = [{ userId: "ada", sessionId: "session of ada" }];
  hear("whoever");
  pass(30);
  await expect.poll(() => auth.known(token)).toBeUndefined();
  auth.forget("eve");
  expect(signalled).toEqual(["eve"]);
});

test("a session whose end the log names is refused without a question, and other sessions go on without one", async () => {
  const pass = stopClocks();
  const [ada, ben] = [await tokenOf("ada"), await tokenOf("ben")];
  await followed(ada);
  await auth.identify(ben, call());
  told = [
    { userId: "ada", sessionId: "session of ada" },
    { userId: "ben", sessionId: "another session of ben" },
  ];
  pass(300);
  await expect.poll(() => auth.known(ada)).toBeUndefined();
  asked = [];
  for (let i = 0; i < 2; i++)
    await expect(auth.identify(ada, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  expect(auth.known(ben)).toBeDefined();
  expect(asked).toEqual([]);
});

test("after a time without requests one look at the log is waited for, and no check", async () => {
  const pass = stopClocks();
  const [ada, ben] = [await tokenOf("ada"), await tokenOf("ben")];
  await followed(ada);
  await auth.identify(ben, call());
  // Until the log is followed no more.
  const quiet = async () => {
    for (let i = 0; i < 1_300; i++) {
      pass(100);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await quiet();
  let before = looks;
  beforeAnswer = () => new Promise(() => {});
  const both = await Promise.all([ada, ben].map((token) => auth.identify(token, call())));
  expect(both.map(({ userId }) => userId)).toEqual(["ada", "ben"]);
  expect(looks).toBe(before + 1);
  // In the background.
  await expect.poll(() => asked.length).toBe(4);

  await quiet();
  before = looks;
  told = [{ userId: "ada", sessionId: "session of ada" }];
  await expect(auth.identify(ada, call())).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  expect((await auth.identify(ben, call())).userId).toBe("ben");
  expect(looks).toBe(before + 1);
});
