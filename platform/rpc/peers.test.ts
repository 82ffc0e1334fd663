import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, test, vi } from "vitest";
import { refusal } from "../errors/reasons.ts";
import { createLog } from "../observe/log.ts";
import { inColour, newTraceId } from "../observe/trace-context.ts";
import { type Admission, openAdmission } from "../protect/admission.ts";
import { rankOf, ranks } from "../protect/shedding.ts";
import { changingEndpoints } from "../testing/changing-endpoints.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { echoService, readOf, type Say, type ServeSay, sayOf } from "../testing/echo-service.ts";
import { freePorts } from "../testing/free-ports.ts";
import { patienceMs } from "../testing/patience.ts";
import { type Call, mergeCalls, priorityRank } from "./call.ts";
import { grpcLink } from "./grpc-link.ts";
import { type Chance, realChance } from "./peers.ts";
import { createServiceTokens } from "./service-token.ts";

const tokens = createServiceTokens("a secret of the cluster");
const log = createLog("silent");
const hourMs = 3_600_000;
const callFor = (ms = patienceMs, more: Partial<Call> = {}): Call => ({
  traceId: "0123456789abcdef0123456789abcdef",
  deadlineMs: Date.now() + ms,
  ...more,
});
/** For what is true for a while, or depends on how long calls take: no time passes, however long the machine stands still. */
const timeless: Chance = { ...realChance, now: () => 0 };
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function serve(say: ServeSay, port = 0, admission?: Admission) {
  const server = await startEchoServer(say, { tokens, log, port, ...(admission && { admission }) });
  undo.push(() => server.stop(0));
  return { ...server, address: `127.0.0.1:${server.port}` };
}

function openLink(endpoints: ReturnType<typeof changingEndpoints>, chance?: Chance) {
  const connection = grpcLink({
    from: "test",
    to: "echo",
    endpoints,
    tokens,
    meter: () => (work) => work(),
    log,
    ...(chance && { chance }),
  });
  undo.push(connection.close);
  return connection;
}

function link(endpoints: ReturnType<typeof changingEndpoints>, chance?: Chance): { say: Say; read: Say } {
  const client = openLink(endpoints, chance).client(echoService);
  return { say: sayOf(client), read: readOf(client) };
}

/** A place that takes connections and says nothing, as a process that is paused does. */
async function mute(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => {}))).listen(
    0,
    "127.0.0.1",
  );
  undo.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const answered = (what: Promise<{ text?: string }>) =>
  what.then(({ text }) => text).catch((error) => error.reason);

describe("a connection that is never made", () => {
  test("holds no call while another is ready", async () => {
    const { say } = link(
      changingEndpoints(await mute(), (await serve(async () => ({ text: "here" }))).address),
    );
    for (let i = 0; i < 50; i++) expect(await answered(say({}, callFor(hourMs)))).toBe("here");
  });

  test("is not waited for until the deadline, and later calls are refused at once", async () => {
    const { say } = link(changingEndpoints(await mute()));
    const first = [say({}, callFor(hourMs)), say({}, callFor(hourMs))];
    expect(await Promise.all(first.map(answered))).toEqual(["ECHO_UNAVAILABLE", "ECHO_UNAVAILABLE"]);
    for (let i = 0; i < 20; i++) expect(await answered(say({}, callFor(hourMs)))).toBe("ECHO_UNAVAILABLE");
  });

  test("ends with the deadline or the caller, if they end first", async () => {
    const { say } = link(changingEndpoints(await mute()));
    const gone = new AbortController();
    const calls = [say({}, callFor(50)), say({}, callFor(hourMs, { signal: gone.signal }))];
    gone.abort(refusal("CALLER_GONE"));
    expect(await Promise.all(calls.map(answered))).toEqual(["DEADLINE_EXCEEDED", "CALLER_GONE"]);
  });

  test("is used as soon as somebody is there", async () => {
    const { address } = await serve(async () => ({ text: "here" }));
    const endpoints = changingEndpoints(await mute());
    const { say } = link(endpoints);
    const waiting = say({}, callFor(hourMs));
    endpoints.set(address);
    expect(await answered(waiting)).toBe("here");
  });

  test("is another one than whose answers this process did not read while it stood still", async () => {
    const { address } = await serve(async () => ({ text: "here" }));
    const { say } = link(changingEndpoints(address));
    const waiting = say({}, callFor(hourMs));
    // For longer than a connection may take.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500);
    expect(await answered(waiting)).toBe("here");
  });
});

test("one that has left still serves while its successor is only being connected", async () => {
  const old = await serve(async () => ({ text: "old" }));
  const endpoints = changingEndpoints(old.address);
  const { say } = link(endpoints);
  expect(await answered(say({}, callFor(hourMs)))).toBe("old");
  endpoints.set(await mute());
  for (let i = 0; i < 20; i++) expect(await answered(say({}, callFor(hourMs)))).toBe("old");
  endpoints.set((await serve(async () => ({ text: "new" }))).address);
  await expect.poll(() => answered(say({}, callFor(hourMs)))).toBe("new");
  for (let i = 0; i < 20; i++) expect(await answered(say({}, callFor(hourMs)))).toBe("new");
});

test("one that has left still serves while its successor does not listen yet, but not for ever", async () => {
  const old = await serve(async () => ({ text: "old" }));
  const endpoints = changingEndpoints(old.address);
  const connection = openLink(endpoints);
  const say = sayOf(connection.client(echoService));
  expect(await answered(say({}, callFor(hourMs)))).toBe("old");
  const [port] = await freePorts(1);
  endpoints.set(`127.0.0.1:${port}`);
  for (const deadline = Date.now() + 500; Date.now() < deadline; ) {
    expect(connection.outage()).toBeUndefined();
    expect(await answered(say({}, callFor(hourMs)))).toBe("old");
  }
  await expect.poll(() => answered(say({}, callFor(hourMs)))).toBe("ECHO_UNAVAILABLE");
  await serve(async () => ({ text: "new" }), port);
  await expect.poll(() => answered(say({}, callFor(hourMs)))).toBe("new");
});

/** A peer at which calls hang until it dies, with a call of both kinds under way, and one that answers. */
async function dyingAndWell(count: number) {
  let begun = 0;
  const dying = await serve(() => {
    begun++;
    return new Promise(() => {});
  });
  const well = await serve(async () => ({ text: "well" }));
  const endpoints = changingEndpoints(dying.address);
  const { say, read } = link(endpoints);
  const call = (method: Say) => Array.from({ length: count }, () => answered(method({}, callFor(hourMs))));
  const [said, reads] = [call(say), call(read)];
  await expect.poll(() => begun).toBe(2 * count);
  endpoints.set(dying.address, well.address);
  // The other one is connected.
  await expect.poll(() => answered(say({}, callFor(500)))).toBe("well");
  await dying.stop(0);
  return { said: await Promise.all(said), reads: await Promise.all(reads) };
}

test("a call whose peer is lost is sent to another one, if the contract says that it may be repeated", async () => {
  expect(await dyingAndWell(1)).toEqual({ said: ["ECHO_UNAVAILABLE"], reads: ["well"] });
});

test("when many are lost at once, as many are sent again as the budget allows", async () => {
  const { reads } = await dyingAndWell(150);
  const again = reads.filter((text) => text === "well").length;
  expect(again).toBeGreaterThan(50);
  expect(again).toBeLessThan(150);
});

describe("a peer that is overloaded", () => {
  /** Turns away what is less important than `least`, and says so as long as `tells`. */
  async function overloaded(least: number, { tells = true, also = [] as string[], chance = timeless } = {}) {
    let asked = 0;
    let isBusy = true;
    const admission: Admission = {
      ...openAdmission,
      enter(request, done) {
        asked++;
        done(isBusy && request.priority < least ? refusal("OVERLOADED", undefined, hourMs) : undefined);
      },
      line: () => (isBusy && tells ? Math.min((ranks / 3) * least, ranks - 1) : 0),
    };
    const busy = await serve(async () => ({ text: "busy" }), 0, admission);
    const { read } = link(changingEndpoints(busy.address, ...also), chance);
    const recover = () => {
      isBusy = false;
    };
    return { read, asked: () => asked, recover };
  }

  test("is not asked again at once, and no other peer instead of it", async () => {
    const { read, asked } = await overloaded(2);
    const call = () => read({}, callFor(hourMs)).catch((error) => error);
    expect(await call()).toMatchObject({ kind: "exhausted", reason: "OVERLOADED" });
    const early = await call();
    expect(early).toMatchObject({ kind: "exhausted", reason: "OVERLOADED" });
    expect(early.retryAfterMs).toBeLessThanOrEqual(5_000);
    expect(asked()).toBe(1);
  });

  test("still gets what is more important than what it turns away", async () => {
    const { read, asked } = await overloaded(2);
    const call = (priority: Call["priority"]) => answered(read({}, callFor(hourMs, { priority })));
    expect(await call("sheddable")).toBe("OVERLOADED");
    expect(await call("normal")).toBe("OVERLOADED");
    expect(asked()).toBe(1);
    expect(await call("essential")).toBe("busy");
  });

  test("is passed over while another one has room", async () => {
    const { address } = await serve(async () => ({ text: "room" }));
    const { read, asked } = await overloaded(2, { also: [address] });
    // Refusals that are remembered come at once, maybe before the other one is connected.
    await expect.poll(() => answered(read({}, callFor(hourMs)))).toBe("room");
    for (let i = 0; i < 50; i++) await answered(read({}, callFor(hourMs)));
    expect(asked()).toBeLessThanOrEqual(1);
  });

  test("is asked again after a second, and with the first answer that says that all is well", async () => {
    let laterMs = 0;
    const chance = { ...realChance, now: () => performance.now() + laterMs };
    const { read, asked, recover } = await overloaded(1, { chance });
    const call = (priority: Call["priority"]) => answered(read({}, callFor(hourMs, { priority })));
    expect(await call("sheddable")).toBe("OVERLOADED");
    laterMs += 1_001;
    expect(await call("sheddable")).toBe("OVERLOADED");
    expect(asked()).toBe(2);
    recover();
    expect(await call("normal")).toBe("busy");
    expect(await call("sheddable")).toBe("busy");
  });

  test("opens no circuit and is not ejected, however often it refuses", async () => {
    const { address } = await serve(async () => ({ text: "room" }));
    const { read, recover } = await overloaded(2, { tells: false, also: [address] });
    const all = async (count: number) =>
      new Set(await Promise.all(Array.from({ length: count }, () => answered(read({}, callFor(hourMs))))));
    await expect.poll(() => answered(read({}, callFor(hourMs)))).toBe("room");
    expect(await all(200)).toEqual(new Set(["OVERLOADED", "room"]));
    recover();
    expect(await all(200)).toEqual(new Set(["busy", "room"]));
  });

  test("ranks calls as their caller does, by whom they are for: neither a trace nor a colour has a part in that", async () => {
    const line = Math.floor(ranks / 2);
    let turnedAway = 0;
    const askers: string[] = [];
    const { address } = await serve(async () => ({ text: "busy" }), 0, {
      ...openAdmission,
      enter({ priority, asker }, done) {
        askers.push(asker);
        const refused = rankOf(priority, asker) < line;
        if (refused) turnedAway++;
        done(refused ? refusal("OVERLOADED", undefined, hourMs) : undefined);
      },
      line: () => line,
    });
    const { read } = link(changingEndpoints(address), timeless);
    // Ranks are others in the next hour.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    undo.push(() => vi.useRealTimers());
    // Of the highest rank, it tells the caller the line.
    expect(await answered(read({}, callFor(hourMs, { priority: "essential" })))).toBe("busy");
    const outcomes: string[] = [];
    for (let i = 0; i < 100; i++) {
      const of = (asker: string) => ({ asker, traceId: inColour(newTraceId(), "canary") });
      const call = callFor(hourMs, of(`somebody ${i}`));
      const calls = [call, { ...call, callerId: `${i}` }, mergeCalls([call, callFor(hourMs, of("other"))])];
      for (const one of calls) outcomes.push(await answered(read({}, one)));
      const inTime = rankOf(priorityRank(), `somebody ${i}`) >= line;
      expect(outcomes.slice(-3)).toEqual(Array.from({ length: 3 }, () => (inTime ? "busy" : "OVERLOADED")));
    }
    expect(new Set(outcomes)).toEqual(new Set(["busy", "OVERLOADED"]));
    expect(turnedAway).toBe(0);
    // Work of the system is for nobody: each call takes its chance, and with another one if it is tried again.
    const before = askers.length;
    for (let i = 0; i < 100; i++) outcomes.push(await answered(read({}, callFor(hourMs))));
    expect(new Set(outcomes.slice(-100))).toEqual(new Set(["busy", "OVERLOADED"]));
    expect(new Set(askers.slice(before)).size).toBe(askers.length - before);
    expect(turnedAway).toBe(0);
  });

  test("is another one than who only asks it", async () => {
    let asked = 0;
    const { address } = await serve(async () => {
      asked++;
      throw refusal("OVERLOADED", undefined, hourMs);
    });
    const { read } = link(changingEndpoints(address));
    for (let i = 0; i < 20; i++) expect(await answered(read({}, callFor(hourMs)))).toBe("OVERLOADED");
    expect(asked).toBe(20);
  });
});

test("a peer that answers nothing but errors is left alone after a few", async () => {
  let failed = 0;
  const broken = await serve(async () => {
    failed++;
    throw refusal("DATABASE_UNAVAILABLE");
  });
  const { say } = link(
    changingEndpoints(broken.address, (await serve(async () => ({ text: "well" }))).address),
    timeless,
  );
  // Until the other one is connected, all calls go to this one.
  await expect.poll(() => answered(say({}, callFor(hourMs)))).toBe("well");
  failed = 0;
  for (let i = 0; i < 200; i++) await answered(say({}, callFor(hourMs)));
  expect(failed).toBeLessThan(50);
});

test("calls that pass their deadline are no reason to ask a peer no more that has answered others meanwhile", async () => {
  const { address } = await serve(async ({ text }, { signal }) => {
    if (text === "slow") await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return { text: "here" };
  });
  const { say } = link(changingEndpoints(address));
  await expect.poll(() => answered(say({}, callFor(hourMs)))).toBe("here");
  const slow = Array.from({ length: 20 }, () => answered(say({ text: "slow" }, callFor(2_000))));
  expect(await answered(say({}, callFor(hourMs)))).toBe("here");
  expect(new Set(await Promise.all(slow))).toEqual(new Set(["DEADLINE_EXCEEDED"]));
  expect(await answered(say({}, callFor(hourMs)))).toBe("here");
});

test("a read that takes unusually long is asked of another peer too, and the loser is cancelled", async () => {
  let hanging = false;
  let cancelled = 0;
  const moody = await serve((_request, { signal }) => {
    if (!hanging) return Promise.resolve({ text: "one" });
    signal.addEventListener("abort", () => cancelled++);
    return new Promise(() => {});
  });
  const steady = await serve(async () => ({ text: "two" }));
  const { read } = link(changingEndpoints(moody.address, steady.address), timeless);
  // Until the other one is connected, nobody else could be asked.
  await expect.poll(() => answered(read({}, callFor(hourMs)))).toBe("two");
  for (let i = 0; i < 200; i++) await answered(read({}, callFor(hourMs)));
  hanging = true;
  for (let i = 0; i < 30; i++) expect(await answered(read({}, callFor(hourMs)))).toBe("two");
  await expect.poll(() => cancelled).toBeGreaterThan(0);
});

describe("traffic of a colour", () => {
  const coloured = (colour?: string) =>
    callFor(hourMs, { traceId: inColour("0".repeat(31).concat("1"), colour) });

  test("goes to the peers of that colour, others to those without, and where there is none to the rest", async () => {
    const peer = async (text: string) => (await serve(async () => ({ text }))).address;
    const [plain, canary] = [
      { address: await peer("plain") },
      { address: await peer("canary"), colour: "canary" },
    ];
    const endpoints = changingEndpoints(plain, canary);
    const { say } = link(endpoints);
    const seen = new Set<string | undefined>();
    // Both are connected.
    await expect
      .poll(async () => seen.add(await answered(say({}, coloured("canary")))).has("canary"))
      .toBe(true);
    await expect.poll(async () => seen.add(await answered(say({}, coloured()))).has("plain")).toBe(true);
    for (let i = 0; i < 20; i++) {
      expect(await answered(say({}, coloured("canary")))).toBe("canary");
      expect(await answered(say({}, coloured()))).toBe("plain");
      expect(await answered(say({}, coloured("blue")))).toBe("plain");
    }
    endpoints.set(canary);
    await expect.poll(() => answered(say({}, coloured()))).toBe("canary");
    endpoints.set(plain);
    await expect.poll(() => answered(say({}, coloured("canary")))).toBe("plain");
  });

  test("keeps its colour at the callee, and a name that is none is dropped", async () => {
    const traces: string[] = [];
    const { address } = await serve(async (_request, { traceId }) => {
      traces.push(traceId);
      return {};
    });
    const { say } = link(changingEndpoints(address));
    for (const colour of ["canary", "No Colour"]) await say({}, coloured(colour));
    expect(traces).toEqual([coloured("canary").traceId, coloured().traceId]);
  });
});

describe("a module that hangs", () => {
  test("holds so many calls, others are refused at once, and calls to other modules go on", async () => {
    const release: (() => void)[] = [];
    const hanging = await serve(
      () => new Promise((resolve) => release.push(() => resolve({ text: "late" }))),
    );
    const well = await serve(async () => ({ text: "here" }));
    const { say } = link(changingEndpoints(hanging.address));
    const other = link(changingEndpoints(well.address));
    const held = Array.from({ length: 512 }, () => answered(say({}, callFor(hourMs))));
    await expect.poll(() => release.length).toBe(512);
    expect(await answered(say({}, callFor(hourMs)))).toBe("ECHO_UNAVAILABLE");
    expect(await answered(other.say({}, callFor(hourMs)))).toBe("here");
    for (const each of release.splice(0)) each();
    expect(new Set(await Promise.all(held))).toEqual(new Set(["late"]));
    const again = answered(say({}, callFor(hourMs)));
    await expect.poll(() => release.length).toBe(1);
    release[0]!();
    expect(await again).toBe("late");
  });
});
