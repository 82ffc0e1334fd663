import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { type Auth, createAuth } from "./auth.ts";

const { privateKey, publicKey } = await generateKeyPair("EdDSA");
const jwk = JSON.stringify({ ...(await exportJWK(publicKey)), alg: "EdDSA", kid: "one" });
const call = () => ({ traceId: "0".repeat(32), deadlineMs: Date.now() + 20_000 });
const tokenOf = (userId: string) =>
  new SignJWT({ sid: `session of ${userId}` })
    .setProtectedHeader({ alg: "EdDSA", kid: "one" })
    .setIssuer("user")
    .setAudience("douya")
    .setSubject(userId)
    .setExpirationTime("1h")
    .sign(privateKey);

let auth: Auth;
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
      return { aliveSessionIds, moderatorSessionIds: [] };
    },
  };
  auth = createAuth(user as unknown as GatewayClients["user"], embeddedCaches(createMetrics()));
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
  const [ada, eve] = await Promise.all(["ada", "eve"].map(tokenOf) as [Promise<string>, Promise<string>]);
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

test("whose token it is, is known without a look as long as nobody need look", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  onTestFinished(() => void vi.useRealTimers());
  const token = await tokenOf("ada");
  expect(auth.known(token)).toBeUndefined();
  await auth.identify(token, call());
  expect(auth.known(token)).toMatchObject({ userId: "ada" });
  auth.forget("ada");
  expect(auth.known(token)).toBeUndefined();
  await auth.identify(token, call());
  expect(auth.known(token)).toMatchObject({ userId: "ada" });
  // Within which every session is looked at again.
  vi.setSystemTime(Date.now() + 5_000);
  expect(auth.known(token)).toBeUndefined();
  await auth.identify(token, call());
  await expect.poll(() => auth.known(token)).toBeDefined();
  vi.setSystemTime(Date.now() + 3_600_000);
  expect(auth.known(token)).toBeUndefined();
  await expect(auth.identify(token, call())).rejects.toMatchObject({ reason: "TOKEN_EXPIRED" });
});
