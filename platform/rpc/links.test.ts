import { type ChildProcess, spawn } from "node:child_process";
import { createSecretKey } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { decodeProtectedHeader, SignJWT } from "jose";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { DomainError, type ErrorKind } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import type { Endpoints } from "../registry/registry.ts";
import { bundleScript } from "../testing/bundle-script.ts";
import { changingEndpoints } from "../testing/changing-endpoints.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { echoHandlers, echoService, type Say, type ServeSay, sayOf } from "../testing/echo-service.ts";
import { freePorts } from "../testing/free-ports.ts";
import { patienceMs } from "../testing/patience.ts";
import type { Call } from "./call.ts";
import { directClient } from "./direct-link.ts";
import { grpcLink } from "./grpc-link.ts";
import { createMeter } from "./meter.ts";
import { realChance } from "./peers.ts";
import { createServiceTokens, type ServiceTokens } from "./service-token.ts";

const secret = "a secret of the cluster";
const tokens = createServiceTokens(secret);
const traceId = "0123456789abcdef0123456789abcdef";
/** A deadline far beyond the test. */
const hourMs = 3_600_000;
const callFor = (ms = patienceMs, more: Partial<Call> = {}): Call => ({
  traceId,
  deadlineMs: Date.now() + ms,
  ...more,
});

let logged = "";
const log = pino(
  new Writable({
    write(chunk, _encoding, done) {
      logged += chunk;
      done();
    },
  }),
);
const observed: object[] = [];
const meter = createMeter({ observe: (labels) => void observed.push(labels) });

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
  logged = "";
  observed.length = 0;
});

function link(endpoints: string | Endpoints, by: Partial<Parameters<typeof grpcLink>[0]> = {}): Say {
  const connection = grpcLink({
    from: "test",
    to: "echo",
    endpoints: typeof endpoints === "string" ? changingEndpoints(endpoints) : endpoints,
    tokens,
    meter,
    log,
    ...by,
  });
  undo.push(connection.close);
  return sayOf(connection.client(echoService));
}
async function serve(say: ServeSay, port = 0) {
  const server = await startEchoServer(say, {
    tokens,
    log,
    port,
    more: [["limited", new Set(["listen"])]],
  });
  undo.push(() => server.stop(0));
  return server;
}
const connect: Record<string, (say: ServeSay) => Promise<Say>> = {
  direct: async (say) => sayOf(directClient(echoService, echoHandlers(say), meter, log)),
  gRPC: async (say) => link(`127.0.0.1:${(await serve(say)).port}`),
};

describe.each(Object.keys(connect))("%s", (name) => {
  const over = connect[name]!;

  test("an answer, with every character and every byte", async () => {
    const say = await over(async (request) => request);
    const text = "a\0\n\u2028 ﷽ 豆芽 👨‍👩‍👧";
    const data = Uint8Array.from({ length: 256 }, (_, i) => i);
    const answer = await say({ text, data }, callFor());
    expect([answer.text, ...answer.data!]).toEqual([text, ...data]);
    const empty = await say({}, callFor());
    expect([empty.text, ...empty.data!]).toEqual([""]);
  });

  test("nearly four megabytes there and back", async () => {
    const say = await over(async ({ data }) => ({ data: data! }));
    const data = new Uint8Array(4_000_000).fill(7);
    const answer = await say({ data }, callFor());
    expect(Buffer.from(answer.data!).equals(data)).toBe(true);
  });

  test("caller and trace arrive, and a guest has no caller", async () => {
    const calls: Call[] = [];
    const say = await over(async (_request, call) => {
      calls.push(call);
      return {};
    });
    await say({}, callFor(patienceMs, { callerId: "9223372036854775807" }));
    await say({}, callFor());
    expect(calls).toMatchObject([{ traceId, callerId: "9223372036854775807" }, { traceId }]);
    expect(calls[1]!.callerId).toBeUndefined();
  });

  test("the priority arrives, and the trace context unchanged", async () => {
    const calls: Call[] = [];
    const say = await over(async (_request, call) => {
      calls.push(call);
      return {};
    });
    const context = { spanId: "b7ad6b7169203331", sampled: true, traceState: "rojo=00f067aa0ba902b7" };
    await say({}, callFor(patienceMs, { ...context, priority: "sheddable" }));
    await say({}, callFor());
    expect(calls).toMatchObject([{ traceId, ...context, priority: "sheddable" }, { traceId }]);
    expect([calls[1]!.priority, calls[1]!.traceState]).toEqual([undefined, undefined]);
    expect(calls[1]!.sampled ?? false).toBe(false);
  });

  const kinds: ErrorKind[] = [
    "invalid",
    "unauthenticated",
    "forbidden",
    "not-found",
    "conflict",
    "too-large",
    "exhausted",
    "deadline",
    "unavailable",
    "internal",
  ];
  test.each(kinds)("a refusal of the kind %s arrives whole", async (kind) => {
    const message = "100% of 豆芽 “gone”: %E4%B8 \n 😀";
    const say = await over(async () => {
      throw new DomainError(kind, "VIDEO_NOT_FOUND", message, 1234);
    });
    const error = await say({}, callFor()).catch((error) => error);
    expect(error).toBeInstanceOf(DomainError);
    expect({ ...error, message: error.message }).toEqual({
      name: "DomainError",
      kind,
      reason: "VIDEO_NOT_FOUND",
      message,
      retryAfterMs: 1234,
    });
    expect(observed).toEqual([{ service: "test.EchoService", method: "Say", outcome: kind }]);
  });

  test("a refusal without a retry time has none", async () => {
    const say = await over(async () => {
      throw new DomainError("conflict", "NAME_TAKEN", "Taken.");
    });
    await expect(say({}, callFor())).rejects.toMatchObject({
      reason: "NAME_TAKEN",
      retryAfterMs: undefined,
    });
  });

  test("a message with half a character does no harm", async () => {
    const say = await over(async () => {
      throw new DomainError("invalid", "TITLE_INVALID", "\ud83d is bad");
    });
    await expect(say({}, callFor())).rejects.toMatchObject({
      reason: "TITLE_INVALID",
      message: expect.stringMatching(/is bad$/),
    });
  });

  test.each([
    ["throws", () => Promise.reject(new Error("password of the database: swordfish"))],
    [
      "breaks before it begins",
      () => {
        throw new TypeError("swordfish is undefined");
      },
    ],
  ])("a handler that %s is an internal error without a word of why, which is in the log", async (_name, fail) => {
    const say = await over(fail);
    const error = await say({}, callFor()).catch((error) => error);
    expect(error).toMatchObject({ name: "DomainError", kind: "internal", reason: "INTERNAL" });
    expect(JSON.stringify({ ...error, message: error.message, cause: error.cause })).not.toContain(
      "swordfish",
    );
    expect(logged.trim().split("\n")).toHaveLength(1);
    expect(JSON.parse(logged)).toMatchObject({
      traceId,
      err: { message: expect.stringContaining("swordfish") },
    });
  });

  test("the deadline is kept, whatever the handler does", async () => {
    const say = await over(() => new Promise(() => {}));
    await expect(say({}, callFor(150))).rejects.toMatchObject({
      kind: "deadline",
      reason: "DEADLINE_EXCEEDED",
    });
  });

  test("the work behind a call ends at its deadline, however far down", async () => {
    const begun = { inner: 0, outer: 0 };
    const ended = { inner: 0, outer: 0 };
    const inner = await over((_request, { signal }) => {
      begun.inner++;
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          ended.inner++;
          reject(signal.reason);
        });
      });
    });
    const outer = await over(async (_request, call) => {
      begun.outer++;
      call.signal.addEventListener("abort", () => ended.outer++);
      // By itself it would wait for much longer.
      return inner({}, { ...call, deadlineMs: Date.now() + 60_000 });
    });
    // On a machine that stands still, the deadline may come before the work has begun.
    for (let ms = 150; begun.inner === 0; ms *= 2)
      await expect(outer({}, callFor(ms))).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
    await expect.poll(() => [begun.inner - ended.inner, begun.outer - ended.outer]).toEqual([0, 0]);
  });

  test("the work behind a call ends when its caller is gone", async () => {
    const gone = new AbortController();
    let begun = 0;
    let why: unknown;
    const say = await over((_request, { signal }) => {
      begun++;
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          why = signal.reason;
          reject(why);
        });
      });
    });
    const call = callFor(60_000, { signal: gone.signal });
    const answer = say({}, call);
    answer.catch(() => {});
    await expect.poll(() => begun).toBe(1);
    gone.abort(refusal("CALLER_GONE"));
    await expect(answer).rejects.toMatchObject({ reason: "CALLER_GONE" });
    await expect.poll(() => why).toMatchObject({ reason: "CALLER_GONE" });
    await expect(say({}, call)).rejects.toMatchObject({ reason: "CALLER_GONE" });
    expect(begun).toBe(1);
  });

  test("the signal of a call that was answered does not fire later", async () => {
    const gone = new AbortController();
    const signals = new Map<string | undefined, AbortSignal>();
    const say = await over(async ({ text }, { signal }) => {
      signals.set(text, signal);
      return {};
    });
    const isInTime = (ms: number) =>
      say({ text: `${ms}` }, callFor(ms, { signal: gone.signal })).then(
        () => true,
        ({ reason }) => expect(reason).toBe("DEADLINE_EXCEEDED"),
      );
    let ms = 100;
    // On a machine that stands still, the answer may come after the deadline.
    while (!(await isInTime(ms))) ms *= 2;
    gone.abort(refusal("CALLER_GONE"));
    await delay(ms + 50);
    expect(signals.get(`${ms}`)!.aborted).toBe(false);
  });

  test("after the deadline nothing is begun", async () => {
    let begun = 0;
    const say = await over(async () => {
      begun++;
      return {};
    });
    await expect(say({}, callFor(0))).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
    await expect(say({}, callFor(-60_000))).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
    expect(begun).toBe(0);
  });

  test("the callee has no more time than its caller has left", async () => {
    // Less than the half minute that a handler may take.
    const givenMs = 20_000;
    let leftMs = 0;
    const say = await over(async (_request, call) => {
      leftMs = call.deadlineMs - Date.now();
      return {};
    });
    await say({}, callFor(givenMs));
    expect(leftMs).toBeGreaterThan(0);
    // On the wire the time left is rounded up to a millisecond.
    expect(leftMs).toBeLessThanOrEqual(givenMs + 1);
  });

  test("a very late deadline works", async () => {
    const say = await over(async () => {
      await delay(20);
      return { text: "here" };
    });
    expect(await say({}, callFor(2 ** 40))).toMatchObject({ text: "here" });
    expect(await say({}, callFor(Number.POSITIVE_INFINITY))).toMatchObject({ text: "here" });
  });

  test("many calls at once do not mix", async () => {
    const say = await over(async ({ text }, { callerId }) => ({ text: `${text} ${callerId}` }));
    const numbers = Array.from({ length: 300 }, (_, i) => String(i));
    const answers = await Promise.all(
      numbers.map((i) => say({ text: i }, callFor(patienceMs, { callerId: i }))),
    );
    expect(answers.map(({ text }) => text)).toEqual(numbers.map((i) => `${i} ${i}`));
    expect(observed).toHaveLength(300);
  });
});

describe("over gRPC alone", () => {
  const answering: Say = async () => ({ text: "here" });
  const script = join(
    fileURLToPath(new URL("../../build/test", import.meta.url)),
    `serve-echo-${process.pid}.mjs`,
  );
  beforeAll(() => bundleScript(fileURLToPath(new URL("../testing/serve-echo.ts", import.meta.url)), script));
  afterAll(() => rm(script, { force: true }));

  /** A peer in a separate process; resolves when it serves. */
  async function peer(port = 0): Promise<{ child: ChildProcess; port: number; next: () => Promise<string> }> {
    const child = spawn(process.execPath, [script, String(port), secret], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    undo.push(() => child.kill("SIGKILL"));
    const next = async () => String((await once(child.stdout!, "data"))[0]);
    return { child, port: Number(await next()), next };
  }
  const down = { kind: "unavailable", reason: "ECHO_UNAVAILABLE", retryAfterMs: 1000 };

  const service = "test.EchoService";
  /** What a token of our own says, said in another way. */
  async function altered(how: { iss?: string; expS?: number; key?: string }) {
    const genuine = await tokens.issue("test", service);
    const token = new SignJWT()
      .setProtectedHeader({ ...decodeProtectedHeader(genuine), alg: "HS256" })
      .setIssuer(how.iss ?? "test")
      .setAudience(service);
    if (how.expS !== undefined) token.setExpirationTime(Math.floor(Date.now() / 1000) + how.expS);
    return token.sign(createSecretKey(Buffer.from(how.key ?? secret)));
  }
  async function changedPayload() {
    const [header, , signature] = (await altered({ iss: "stranger", expS: 300 })).split(".");
    const [, payload] = (await altered({ expS: 300 })).split(".");
    return [header, payload, signature].join(".");
  }
  const sending = (token: () => Promise<string>): { tokens: ServiceTokens } => ({
    tokens: { ...tokens, issue: token },
  });
  const unsigned = async () => "eyJhbGciOiJub25lIn0.eyJpc3MiOiJ0ZXN0In0.";
  test.each([
    ["of another secret", { tokens: createServiceTokens("another secret") }, "SERVICE_SECRET_DIFFERS"],
    ["that has long expired", sending(() => altered({ expS: -960 })), "SERVICE_TOKEN_EXPIRED"],
    ["that never expires", sending(() => altered({})), "SERVICE_TOKEN_INVALID"],
    ["that is empty", sending(async () => ""), "SERVICE_TOKEN_INVALID"],
    ["without a signature", sending(unsigned), "SERVICE_TOKEN_INVALID"],
    ["signed with another key", sending(() => altered({ expS: 300, key: "other" })), "SERVICE_TOKEN_INVALID"],
    ["with a changed payload", sending(changedPayload), "SERVICE_TOKEN_INVALID"],
    [
      "that was made for another service",
      sending(() => tokens.issue("test", "test.OtherService")),
      "SERVICE_TOKEN_ELSEWHERE",
    ],
    ["of a module that did not declare the call", { from: "stranger" }, "SERVICE_NOT_ALLOWED"],
    ["of a module that may call other methods", { from: "limited" }, "SERVICE_NOT_ALLOWED"],
  ])("a token %s is refused, and nobody is told to log in", async (_name, by, reason) => {
    let begun = 0;
    const { port } = await serve(async () => {
      begun++;
      return {};
    });
    const say = link(`127.0.0.1:${port}`, by);
    await expect(say({}, callFor())).rejects.toMatchObject({ kind: "unavailable", reason });
    expect(begun).toBe(0);
    // Both sides say it once a minute: the callee as a warning, the caller as an error that its operator must mend.
    const lines = () =>
      logged
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    expect(lines()).toMatchObject([
      { level: 40, rpc: "/test.EchoService/Say", reason, peer: "127.0.0.1" },
      { level: 50, to: "echo", reason },
    ]);
    await expect(say({}, callFor())).rejects.toMatchObject({ reason });
    expect(lines()).toHaveLength(2);
  });

  test("a method that a process of another version does not have is named", async () => {
    const { port } = await serve(answering);
    const later = {
      typeName: service,
      methods: echoService.methods.map((method) => ({ ...method, name: "SayLater" })),
    } as unknown as typeof echoService;
    const endpoints = changingEndpoints(`127.0.0.1:${port}`);
    const connection = grpcLink({ from: "test", to: "echo", endpoints, tokens, meter, log });
    undo.push(connection.close);
    await expect(sayOf(connection.client(later))({}, callFor())).rejects.toMatchObject({
      kind: "unavailable",
      reason: "SERVICE_VERSION_DIFFERS",
      message: expect.stringContaining("SayLater"),
    });
    expect(logged).toContain("SERVICE_VERSION_DIFFERS");
  });

  test("strangers are refused by their headers, without waiting for more and without delaying a stop", async () => {
    const server = await serve(answering);
    const stranger = connectHttp2(`http://127.0.0.1:${server.port}`);
    stranger.on("error", () => {});
    undo.push(() => stranger.destroy());
    const stream = stranger.request(
      {
        ":method": "POST",
        ":path": "/test.EchoService/Say",
        "content-type": "application/grpc",
        te: "trailers",
      },
      { endStream: false },
    );
    stream.on("error", () => {});
    // The beginning of a message that never ends.
    stream.write(Buffer.from([0, 0, 16, 0, 0, 10]));
    const [headers] = await once(stream, "response");
    expect(headers).toMatchObject({ "grpc-status": "14", "douya-reason": "SERVICE_TOKEN_INVALID" });
    await server.stop(100);
  });

  test("whoever is gone before the call is sent asks nothing", async () => {
    let begun = 0;
    const { port } = await serve(async () => {
      begun++;
      return {};
    });
    const gone = new AbortController();
    const issue = async (module: string, called: string) => {
      gone.abort(refusal("CALLER_GONE"));
      return tokens.issue(module, called);
    };
    const say = link(`127.0.0.1:${port}`, { tokens: { ...tokens, issue } });
    await expect(say({}, callFor(hourMs, { signal: gone.signal }))).rejects.toMatchObject({
      reason: "CALLER_GONE",
    });
    expect(await link(`127.0.0.1:${port}`)({}, callFor())).toMatchObject({});
    expect(begun).toBe(1);
  });

  test("a message of more than four megabytes is refused", async () => {
    const say = link(`127.0.0.1:${(await serve(answering)).port}`);
    await expect(say({ data: new Uint8Array(4_200_000) }, callFor())).rejects.toMatchObject({
      kind: "internal",
    });
    expect(await say({}, callFor())).toMatchObject({ text: "here" });
  });

  test("a handler never has more than half a minute", async () => {
    let leftMs = 0;
    const { port } = await serve(async (_request, call) => {
      leftMs = call.deadlineMs - Date.now();
      return {};
    });
    await link(`127.0.0.1:${port}`)({}, callFor(hourMs));
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(30_000);
  });

  test("a peer that is down is told at once, and used again when it is back", async () => {
    const [port] = (await freePorts(1)) as [number];
    const say = link(`127.0.0.1:${port}`);
    for (let i = 0; i < 3; i++) {
      await expect(say({}, callFor(hourMs))).rejects.toMatchObject(down);
    }
    await serve(answering, port);
    await expect.poll(() => say({}, callFor()).catch((error) => error)).toMatchObject({ text: "here" });
  });

  test("a peer killed in the middle of a call is told at once; its successor is used", async () => {
    // Of a port that the system gives to nobody between the two.
    const [port] = (await freePorts(1)) as [number];
    const first = await peer(port);
    const say = link(`127.0.0.1:${first.port}`);
    expect(await say({ text: "before" }, callFor())).toMatchObject({ text: "before" });
    const hanging = say({ text: "hang" }, callFor(hourMs)).catch((error) => error);
    await first.next();
    first.child.kill("SIGKILL");
    expect(await hanging).toMatchObject(down);
    await expect(say({}, callFor(hourMs))).rejects.toMatchObject(down);
    await peer(first.port);
    const again = () => say({ text: "after" }, callFor()).catch((error) => error);
    await expect.poll(again).toMatchObject({ text: "after" });
  });

  test("a peer that stands still in the middle of a call is given up, whatever time the call has", async () => {
    const first = await peer();
    const say = link(`127.0.0.1:${first.port}`);
    const hanging = say({ text: "hang" }, callFor(hourMs)).catch((error) => error);
    await first.next();
    first.child.kill("SIGSTOP");
    expect(await hanging).toMatchObject(down);
  });

  test("stop lets running calls finish and begins no more", async () => {
    let end!: () => void;
    const server = await serve(() => new Promise((resolve) => (end = () => resolve({ text: "finished" }))));
    const say = link(`127.0.0.1:${server.port}`);
    const running = say({}, callFor(hourMs));
    await expect.poll(() => end).toBeDefined();
    const stopped = server.stop(hourMs);
    await expect.poll(() => say({}, callFor(1000)).catch((error) => error.reason)).toBe("ECHO_UNAVAILABLE");
    end();
    expect(await running).toMatchObject({ text: "finished" });
    await stopped;
  });

  test("stop does not wait forever", async () => {
    let begun = 0;
    const server = await serve(() => {
      begun++;
      return new Promise(() => {});
    });
    const hanging = link(`127.0.0.1:${server.port}`)({}, callFor(hourMs)).catch((error) => error);
    await expect.poll(() => begun).toBe(1);
    await server.stop(100);
    expect(await hanging).toMatchObject(down);
  });

  test("a port that is taken is named", async () => {
    const { port } = await serve(answering);
    await expect(serve(answering, port)).rejects.toMatchObject({ kind: "conflict", reason: "ADDRESS_TAKEN" });
  });
});

describe("a module at several endpoints", () => {
  const named = (name: string) => serve(async () => ({ text: name }));
  const at = ({ port }: { port: number }) => `127.0.0.1:${port}`;
  const heard = (say: Say) => say({}, callFor()).then(({ text }) => text);
  const tried = (say: Say) => heard(say).catch((error: DomainError) => error.reason);

  test("shares its calls", async () => {
    const servers = [await named("one"), await named("two"), await named("three")];
    // No time passes: one that is called while this process stands still must not look slow.
    const chance = { ...realChance, now: () => 0 };
    const say = link(changingEndpoints(...servers.map(at)), { chance });
    const seen = new Set<string | undefined>();
    await expect.poll(async () => seen.add(await tried(say)).size).toBe(3);
    const calls: (string | undefined)[] = [];
    for (let i = 0; i < 120; i++) calls.push(await heard(say));
    for (const name of ["one", "two", "three"])
      expect(calls.filter((text) => text === name).length).toBeGreaterThan(10);
  });

  test("is reached at the others while one is down, and at that one again when it is back", async () => {
    const [port] = (await freePorts(1)) as [number];
    const say = link(changingEndpoints(`127.0.0.1:${port}`, at(await named("up"))));
    await expect.poll(() => tried(say)).toBe("up");
    for (let i = 0; i < 20; i++) expect(await heard(say)).toBe("up");
    await serve(async () => ({ text: "back" }), port);
    await expect.poll(() => heard(say)).toBe("back");
  });

  test("loses no call when they change, and finishes those under way at the one that is left", async () => {
    let begun = 0;
    let end = () => {};
    const old = await serve(async ({ text }) => {
      if (text !== "hang") return { text: "old" };
      begun++;
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return { text: "finished" };
    });
    const successor = await named("new");
    const endpoints = changingEndpoints(at(old));
    const say = link(endpoints);
    expect(await heard(say)).toBe("old");
    const hanging = say({ text: "hang" }, callFor(hourMs));
    await expect.poll(() => begun).toBe(1);
    let calling = true;
    const texts = Array.from({ length: 8 }, () => new Set<string | undefined>());
    const callers = texts.map(async (seen) => {
      while (calling) seen.add(await heard(say));
    });
    for (let i = 0; i < 20; i++) {
      endpoints.set(...[[at(old), at(successor)], [at(successor)], [at(old)]][i % 3]!);
      await heard(say);
    }
    endpoints.set(at(successor));
    for (const seen of texts) await expect.poll(() => [...seen].sort()).toEqual(["new", "old"]);
    calling = false;
    await Promise.all(callers);
    // Nothing calls it any more, so it may stop after the last call.
    const stopped = old.stop(hourMs);
    end();
    expect(await hanging).toMatchObject({ text: "finished" });
    await stopped;
  });

  test("loses no call when one of them stops, though it is still listed", async () => {
    const one = await named("one");
    const say = link(changingEndpoints(at(one), at(await named("two"))));
    const seen = new Set<string | undefined>();
    await expect.poll(async () => seen.add(await tried(say)).size).toBe(2);
    let calling = true;
    const caller = async () => {
      const texts = [];
      while (calling) texts.push(await tried(say));
      return texts;
    };
    const callers = Array.from({ length: 32 }, caller);
    await Promise.all(Array.from({ length: 32 }, () => heard(say)));
    await one.stop(hourMs);
    calling = false;
    expect(new Set((await Promise.all(callers)).flat())).toEqual(new Set(["one", "two"]));
  });

  test("closes the connection to one that is gone, and all when the link is closed", async () => {
    const { port } = await named("one");
    const sockets = new Set<Socket>();
    const proxy = createServer((socket) => {
      sockets.add(socket.on("close", () => sockets.delete(socket)).on("error", () => {}));
      const onward = connectTcp(port, "127.0.0.1").on("error", () => {});
      socket.pipe(onward).pipe(socket);
    }).listen(0, "127.0.0.1");
    undo.push(() => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    });
    await once(proxy, "listening");
    const endpoints = changingEndpoints(at(proxy.address() as AddressInfo));
    const connection = grpcLink({ from: "test", to: "echo", endpoints, tokens, meter, log });
    const say = sayOf(connection.client(echoService));
    expect(await heard(say)).toBe("one");
    expect(sockets.size).toBe(1);
    endpoints.set();
    await expect.poll(() => sockets.size).toBe(0);
    await expect(say({}, callFor(hourMs))).rejects.toMatchObject({
      kind: "unavailable",
      reason: "ECHO_UNAVAILABLE",
      retryAfterMs: 1000,
    });
    endpoints.set(at(proxy.address() as AddressInfo));
    expect(await heard(say)).toBe("one");
    connection.close();
    await expect.poll(() => sockets.size).toBe(0);
    expect(endpoints.watchers()).toBe(0);
  });
});
