import { afterEach, expect, test } from "vitest";
import type { DomainError } from "../errors/domain-error.ts";
import { createLog } from "../observe/log.ts";
import { type Admission, createAdmission } from "../protect/admission.ts";
import { changingEndpoints } from "../testing/changing-endpoints.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { echoService, type Say, type ServeSay, sayOf } from "../testing/echo-service.ts";
import { patienceMs } from "../testing/patience.ts";
import type { Priority } from "./call.ts";
import { grpcLink } from "./grpc-link.ts";
import { realChance } from "./peers.ts";
import { createServiceTokens } from "./service-token.ts";

const tokens = createServiceTokens("a secret of the cluster");
const log = createLog("silent");
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

/** A service, and as many others that call it. */
async function serve(
  say: ServeSay,
  admission: Admission,
  callers: number,
  now = realChance.now,
): Promise<Say[]> {
  const server = await startEchoServer(say, { tokens, log, admission });
  undo.push(() => server.stop(0));
  return Array.from({ length: callers }, () => {
    const link = grpcLink({
      from: "test",
      to: "echo",
      endpoints: changingEndpoints(`127.0.0.1:${server.port}`),
      tokens,
      meter: () => (work) => work(),
      log,
      chance: { ...realChance, now },
    });
    undo.push(link.close);
    return sayOf(link.client(echoService));
  });
}
const callOf = (priority: Priority, callerId?: string, signal?: AbortSignal) => ({
  traceId: "0123456789abcdef0123456789abcdef",
  deadlineMs: Date.now() + patienceMs,
  priority,
  callerId,
  signal,
});

/** Who is refused asks again after so long, which is much sooner than they are told. */
const againMs = 150;

/** What one piece of work takes. */
const workMs = 2;

/**
 * Work that is done one after the other, as by a database: so much of it at once takes ever longer. Its clock tells by
 * pieces of work: on a machine that is slow, or stands still, time passes slowly.
 */
function workshop() {
  let nowMs = 0;
  let most = 0;
  const underWay: (() => void)[] = [];
  const waits: { untilMs: number; end: () => void }[] = [];
  const timer = setInterval(() => {
    nowMs += workMs;
    underWay.shift()?.();
    while (waits[0] && waits[0].untilMs <= nowMs) waits.shift()!.end();
  }, workMs);
  undo.push(() => clearInterval(timer));
  const work: ServeSay = async (request) => {
    await new Promise<void>((end) => {
      most = Math.max(most, underWay.push(end));
    });
    return request;
  };
  const again = () => new Promise<void>((end) => waits.push({ untilMs: nowMs + againMs, end }));
  return { work, most: () => most, again, now: () => nowMs };
}

test("a service that many ask for more than it can do lets the most important in, and holds no more than it can", async () => {
  const { work, most, again, now } = workshop();
  const admission = createAdmission({ loopDelayMs: () => 0, callersShed: true, nowMs: now });
  let arrived = 0;
  let mostWaiting = 0;
  const counted: Admission = {
    ...admission,
    enter(request, done) {
      arrived++;
      admission.enter(request, done);
      mostWaiting = Math.max(mostWaiting, admission.waiting());
    },
  };
  const callers = await serve(work, counted, 5, now);
  const outcomes = { essential: [0, 0], normal: [0, 0], sheddable: [0, 0] } as Record<Priority, number[]>;
  const refusals = new Set<string>();
  let stopped = false;
  const ask = async (say: Say, priority: Priority, person: string) => {
    while (!stopped) {
      const refused = await say({}, callOf(priority, person)).then(
        () => undefined,
        (error: DomainError) => error,
      );
      outcomes[priority][refused ? 1 : 0]!++;
      if (!refused) continue;
      refusals.add(`${refused.reason} ${refused.retryAfterMs! >= 2_000}`);
      await again();
    }
  };
  const asking = callers.flatMap((say, i) =>
    Array.from({ length: 60 }, (_, j) =>
      ask(say, j === 0 ? "essential" : j < 40 ? "normal" : "sheddable", `${i} ${j}`),
    ),
  );
  const done = () => outcomes.essential[0]!;
  await expect.poll(done, { timeout: patienceMs }).toBeGreaterThan(100);
  // By now it has drawn its line, and callers know it.
  const before = { arrived, all: all(), refused: outcomes.essential[1]!, done: done() };
  await expect.poll(done, { timeout: patienceMs }).toBeGreaterThan(before.done + 200);
  const since = { arrived: arrived - before.arrived, all: all() - before.all };
  const refused = outcomes.essential[1]! - before.refused;
  stopped = true;
  await Promise.all(asking);
  expect(refused).toBeLessThan(20);
  expect(outcomes.sheddable[1]).toBeGreaterThan(outcomes.sheddable[0]!);
  expect(refusals).toEqual(new Set(["OVERLOADED true"]));
  expect(since.arrived).toBeLessThan(since.all / 2);
  expect(most()).toBeLessThanOrEqual(200);
  expect(mostWaiting).toBeLessThanOrEqual(1_000);
  expect(admission.waiting()).toBe(0);

  function all(): number {
    return Object.values(outcomes)
      .flat()
      .reduce((sum, count) => sum + count, 0);
  }
});

test("a place is given back by a call that ends, is given up under way, or is given up while it waits", async () => {
  // Nobody waits for too long, however long the machine stands still.
  let nowMs = 0;
  const admission = createAdmission({ loopDelayMs: () => 0, callersShed: true, nowMs: () => nowMs });
  let hung = 0;
  let entered = 0;
  const counted: Admission = {
    ...admission,
    enter(request, done) {
      entered++;
      admission.enter(request, done);
    },
  };
  const [say] = await serve(
    (request) => (request.text === "hang" ? new Promise(() => hung++) : Promise.resolve(request)),
    counted,
    1,
  );
  const answer = () => say!({ text: "well" }, callOf("normal")).then(({ text }) => text);
  for (let i = 0; i < 50; i++) expect(await answer()).toBe("well");
  for (let round = 0; round < 3; round++) {
    const before = { entered, hung };
    const hang = (gone: AbortController, count: number) =>
      Promise.allSettled(
        Array.from({ length: count }, () => say!({ text: "hang" }, callOf("normal", "", gone.signal))),
      );
    const [inside, waiting] = [new AbortController(), new AbortController()];
    const ended = [hang(inside, 20)];
    await expect.poll(() => hung - before.hung).toBe(20);
    ended.push(hang(waiting, 30));
    await expect.poll(() => entered - before.entered).toBe(50);
    nowMs += 100;
    // Places become free when those who wait for them have just gone.
    waiting.abort(new Error("gone"));
    inside.abort(new Error("gone"));
    await Promise.all(ended);
    expect(await answer()).toBe("well");
    expect(admission.waiting()).toBe(0);
  }
});
