import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { type Answer, createRealtimeClient, type Socket } from "./client.ts";
import { noWants, type Wants } from "./live.ts";
import { createTimeline, type Entry, type Position } from "./timeline.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const entry = (seq: number): Entry => ({ seq: String(seq), at: "2026-11-29T00:00:00Z", kind: "message" });
const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1_000);
/** Waits up to a second of the client's time. */
async function has(list: readonly unknown[], count: number) {
  for (let looks = 0; list.length < count && looks < 20; looks++) await seconds(0.05);
  expect(list).toHaveLength(count);
}

/** A client, and a server that says what the test has it say. */
function scripted(behaviour: { poll?: (position: Position | undefined) => Promise<Answer> } = {}) {
  const lines: (ReturnType<typeof line> & { closed: boolean })[] = [];
  const heard: string[] = [];
  const states: boolean[] = [];
  const refusals: (string | null)[] = [];
  let tokens: (string | null)[] = [];

  /** The server's end of a connection. */
  function line() {
    const said: Record<string, unknown>[] = [];
    const socket: Socket = {
      onopen: null,
      onmessage: null,
      onclose: null,
      send: (text) => said.push(JSON.parse(String(text))),
      close: () => {
        own.closed = true;
      },
    };
    const own = {
      socket,
      said,
      closed: false,
      open: () => socket.onopen?.call(socket as WebSocket, new Event("open")),
      say: (frame: object | string) =>
        socket.onmessage?.call(
          socket as WebSocket,
          new MessageEvent("message", { data: typeof frame === "string" ? frame : JSON.stringify(frame) }),
        ),
      end: () => socket.onclose?.call(socket as WebSocket, new CloseEventLike("close") as CloseEvent),
      welcome(position: { epoch?: string; seq?: string; recovered?: boolean } = {}) {
        own.open();
        own.say({
          type: "welcome",
          epoch: "e",
          seq: "0",
          recovered: false,
          heartbeatMs: 30_000,
          ...position,
        });
      },
    };
    return own;
  }
  class CloseEventLike extends Event {}

  let wanted: Wants = noWants;
  const passed: unknown[] = [];
  const timeline = createTimeline({
    entries: (entries) => heard.push(...entries.map(({ seq }) => seq)),
    resync: ({ epoch, seq }) => heard.push(`resync ${epoch} ${seq}`),
  });
  const client = createRealtimeClient({
    timeline,
    news: {
      online: (is) => states.at(-1) !== is && states.push(is),
      live: (frame) => passed.push(frame),
      line: (is) => passed.push(is),
    },
    wants: () => wanted,
    async open() {
      const next = line();
      lines.push(next);
      return next.socket;
    },
    poll: (position) => behaviour.poll?.(position) ?? Promise.reject(new Error("no requests")),
    async token(refused) {
      refusals.push(refused);
      return tokens.length > 0 ? tokens.shift()! : "token";
    },
    random: () => 1,
  });
  return {
    client,
    lines,
    heard,
    states,
    refusals,
    timeline,
    passed,
    want(next: Partial<Wants>) {
      wanted = { ...noWants, ...next };
      client.update();
    },
    giveTokens(...next: (string | null)[]) {
      tokens = next;
    },
    async next(count: number) {
      await has(lines, count);
      return lines[count - 1]!;
    },
  };
}

it("says who it is, and passes on what comes, in order", async () => {
  const { next, heard, states } = scripted();
  const server = await next(1);
  server.welcome({ seq: "7" });
  expect(server.said).toEqual([{ type: "hello", token: "token", device: "web", urls: "paths" }]);
  server.say({ type: "entries", entries: [entry(8), entry(9)] });
  server.say({ type: "entries", entries: [entry(10)] });
  expect(heard).toEqual(["resync e 7", "8", "9", "10"]);
  expect(states).toEqual([true]);
});

it("goes on from where it was, and leaves out what comes twice", async () => {
  const { next, heard } = scripted();
  const first = await next(1);
  first.welcome();
  first.say({ type: "entries", entries: [entry(1), entry(2)] });
  first.end();
  await seconds(1);
  const second = await next(2);
  second.welcome({ seq: "2", recovered: true });
  expect(second.said[0]).toEqual({
    ...{ type: "hello", token: "token", device: "web", urls: "paths" },
    ...{ epoch: "e", seq: "2" },
  });
  second.say({ type: "entries", entries: [entry(1), entry(2), entry(3)] });
  expect(heard).toEqual(["resync e 0", "1", "2", "3"]);
});

it("sees a hole, passes on nothing after it, and asks for what is missing", async () => {
  const { next, heard } = scripted();
  const first = await next(1);
  first.welcome();
  first.say({ type: "entries", entries: [entry(1), entry(3)] });
  expect(first.closed).toBe(true);
  await seconds(2);
  const second = await next(2);
  second.welcome({ seq: "1", recovered: true });
  second.say({ type: "entries", entries: [entry(2), entry(3)] });
  expect(heard).toEqual(["resync e 0", "1", "2", "3"]);
});

it("fetches everything again where the server cannot go on from its position", async () => {
  const { next, heard } = scripted();
  const first = await next(1);
  first.welcome({ seq: "5" });
  first.say({ type: "resync", epoch: "other", seq: "900" });
  first.say({ type: "entries", entries: [entry(901)] });
  first.say({ type: "entries", entries: [entry(902)] });
  // Not everybody in one moment.
  await seconds(4.9);
  expect(heard).toEqual(["resync e 5"]);
  await seconds(0.2);
  first.end();
  await seconds(1);
  (await next(2)).welcome({ epoch: "third", seq: "2" });
  expect(heard).toEqual(["resync e 5", "resync other 900", "901", "902", "resync third 2"]);
});

it("notices that nobody answers any more, and comes back", async () => {
  const { next, states } = scripted();
  const first = await next(1);
  first.welcome();
  await seconds(30);
  expect(first.said.at(-1)).toEqual({ type: "ping" });
  first.say({ type: "pong" });
  await seconds(31);
  first.say({ type: "pong" });
  await seconds(59);
  expect(first.closed).toBe(true);
  (await next(2)).welcome({ recovered: true });
  expect(states).toEqual([true, false, true]);
});

it("waits for its turn as long as somebody is there", async () => {
  const { next, lines, states } = scripted();
  const first = await next(1);
  first.open();
  for (let i = 1; i <= 3; i++) {
    await seconds(16);
    expect(first.said.slice(1)).toEqual(Array.from({ length: i }, () => ({ type: "ping" })));
    first.say({ type: "pong" });
    await seconds(4);
  }
  expect([first.closed, lines.length, states]).toEqual([false, 1, []]);
  await seconds(21);
  expect(first.closed).toBe(true);
  (await next(2)).welcome();
  expect(states).toEqual([false, true]);
});

it("looks whether the line is alive when the page or the network wakes, and does not wait to come back", async () => {
  const { client, next, lines } = scripted();
  const first = await next(1);
  first.welcome();
  client.wake();
  expect(first.said.at(-1)).toEqual({ type: "ping" });
  first.say({ type: "pong" });
  await seconds(6);
  expect(first.closed).toBe(false);
  client.wake();
  await seconds(5);
  expect(first.closed).toBe(true);
  expect(lines).toHaveLength(1);
  client.wake();
  await next(2);
});

it("waits twice as long after each failure, and never longer than twenty seconds", async () => {
  const { next, lines } = scripted({ poll: () => Promise.reject(new Error("away")) });
  const first = await next(1);
  first.welcome();
  const waits: number[] = [];
  for (let count = 2; count < 10; count++) {
    const line = lines.at(-1)!;
    line.open();
    line.say({ type: "welcome", epoch: "e", seq: "0", recovered: true, heartbeatMs: 30_000 });
    const sinceMs = Date.now();
    line.end();
    while (lines.length < count) await vi.advanceTimersByTimeAsync(100);
    waits.push(Math.round((Date.now() - sinceMs) / 1_000));
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 20, 20, 20]);
});

it("keeps to connections where the server refuses them in words, and comes back later than it said, with others spread", async () => {
  let polls = 0;
  const { next, lines } = scripted({
    poll: () => {
      polls++;
      return Promise.reject(new Error("no requests"));
    },
  });
  for (let count = 1; count <= 5; count++) {
    const line = await next(count);
    line.say({ type: "bye", reason: "BUSY", detail: "…", retryAfterMs: 2_000 });
    await seconds(2.9);
    expect(lines).toHaveLength(count);
    await seconds(0.2);
  }
  expect(polls).toBe(0);
});

it("comes back when the server said, and with another token when the one it had is over", async () => {
  const { next, refusals, giveTokens, lines } = scripted();
  const first = await next(1);
  first.welcome();
  first.say({ type: "reconnect", afterMs: 3_000 });
  await seconds(2.9);
  expect(lines).toHaveLength(1);
  await seconds(0.2);
  const second = await next(2);
  second.welcome({ recovered: true });
  giveTokens("second", null);
  second.say({ type: "bye", reason: "TOKEN_EXPIRED", detail: "…" });
  await seconds(2);
  const third = await next(3);
  third.welcome({ recovered: true });
  expect(refusals).toEqual([null, null, "token"]);
  expect(third.said[0]).toMatchObject({ token: "second" });
  third.say({ type: "bye", reason: "SESSION_ENDED", detail: "…" });
  await seconds(120);
  expect(lines).toHaveLength(3);
});

it("gives the connection the next token of the session when there is one", async () => {
  const { next, giveTokens } = scripted();
  const server = await next(1);
  server.welcome();
  giveTokens("token", "second");
  for (let i = 0; i < 3; i++) {
    await seconds(30);
    server.say({ type: "pong" });
  }
  expect(server.said.slice(1)).toEqual([
    { type: "ping" },
    { type: "ping" },
    { type: "token", token: "second" },
    { type: "ping" },
    { type: "token", token: "token" },
  ]);
});

it("asks by requests where no connection is let through, and tries one again later", async () => {
  const asked: (Position | undefined)[] = [];
  let answer = (_: Answer) => {};
  const { next, heard, states, lines } = scripted({
    poll(position) {
      asked.push(position);
      return new Promise((resolve) => {
        answer = resolve;
      });
    },
  });
  for (const count of [1, 2, 3]) {
    (await next(count)).end();
    await seconds(5);
  }
  await has(asked, 1);
  answer({ epoch: "e", seq: "4", recovered: false, entries: [] });
  await has(asked, 2);
  answer({ epoch: "e", seq: "6", recovered: true, entries: [entry(5), entry(6)] });
  // Where much comes, not a request for each.
  await seconds(0.9);
  expect(asked).toHaveLength(2);
  await has(asked, 3);
  expect(asked).toEqual([undefined, { epoch: "e", seq: "4" }, { epoch: "e", seq: "6" }]);
  expect(heard).toEqual(["resync e 4", "5", "6"]);
  expect(states).toEqual([false, true]);
  await seconds(301);
  answer({ epoch: "e", seq: "6", recovered: true, entries: [] });
  (await next(4)).welcome({ recovered: true });
  expect(lines[3]!.said[0]).toMatchObject({ epoch: "e", seq: "6" });
});

it("is replaced by another connection of the viewer, and takes nothing back until it is woken", async () => {
  const { client, next, lines, states } = scripted();
  const first = await next(1);
  first.welcome();
  first.say({ type: "bye", reason: "CONNECTION_REPLACED", detail: "…" });
  await seconds(9 * 60);
  expect(lines).toHaveLength(1);
  expect(states).toEqual([true, false]);
  client.wake();
  (await next(2)).welcome({ recovered: true });
  expect(states).toEqual([true, false, true]);
});

it("asks again for what it wants where that was too much for a while", async () => {
  const { next, want } = scripted();
  want({ people: ["1"], videos: ["9"] });
  const server = await next(1);
  server.welcome();
  const asked = { type: "subscribe", people: ["1"], videos: ["9"] };
  server.say({ type: "refused", reason: "TOO_MANY_REQUESTS", detail: "…", retryAfterMs: 2_000 });
  await seconds(1.9);
  expect(server.said.slice(1)).toEqual([asked]);
  await seconds(1.2);
  expect(server.said.slice(1)).toEqual([asked, asked]);
  server.say({ type: "refused", reason: "SUBSCRIPTIONS_TOO_MANY", detail: "…" });
  server.say({ type: "refused", idempotencyKey: "k", reason: "BUSY", detail: "…", retryAfterMs: 1_000 });
  await seconds(10);
  expect(server.said.slice(1)).toEqual([asked, asked]);
});

it("tries a connection again at once when requests do not get through either", async () => {
  const { next, lines } = scripted({ poll: () => Promise.reject(new Error("restarting")) });
  for (const count of [1, 2, 3]) {
    (await next(count)).end();
    await seconds(5);
  }
  while (lines.length === 3) await seconds(1);
  lines[3]!.welcome();
  expect(lines[3]!.said[0]).toMatchObject({ type: "hello" });
});

it("is not confused by frames that it does not know, nor by what is none", async () => {
  const { next, heard } = scripted();
  const server = await next(1);
  server.welcome();
  for (const frame of ["{", "null", "7", { type: "wonder" }, { type: "entries" }]) server.say(frame);
  server.say({ type: "entries", entries: [entry(1)] });
  expect(heard).toEqual(["resync e 0", "1"]);
  expect(server.closed).toBe(false);
});

it("does nothing any more once it is stopped", async () => {
  const { client, next, lines, states } = scripted();
  const server = await next(1);
  server.welcome();
  client.stop();
  await seconds(60);
  expect(server.closed).toBe(true);
  expect(lines).toHaveLength(1);
  expect(states).toEqual([true, false]);
});

it("asks for what is wanted, says what changes of it, and asks again with the next line", async () => {
  const { client, next, want, passed } = scripted();
  want({ people: ["1"] });
  client.writes("1");
  const first = await next(1);
  first.welcome();
  want({ people: ["1"], videos: ["9"] });
  client.writes("1");
  want({ videos: ["9"] });
  expect(first.said.slice(1)).toEqual([
    { type: "subscribe", people: ["1"] },
    { type: "subscribe", videos: ["9"] },
    { type: "typing", conversationId: "1" },
    { type: "unsubscribe", people: ["1"] },
  ]);
  const live = { type: "live", videos: [{ videoId: "9", counts: { likes: 1 } }] };
  first.say(live);
  first.end();
  expect(passed).toEqual([true, live, false]);
  await seconds(1);
  const second = await next(2);
  second.welcome();
  expect(second.said.slice(1)).toEqual([{ type: "subscribe", videos: ["9"] }]);
});
