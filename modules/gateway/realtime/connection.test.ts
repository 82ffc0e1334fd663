import { EventEmitter } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import type { WebSocket } from "ws";
import { MessageSchema, type TimelineEntry, TimelineEntrySchema } from "#contracts/gen/message_pb.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { type Realtime, serveConnection } from "./connection.ts";
import type { Hubs } from "./hubs.ts";
import type { Receiver } from "./timeline-hub.ts";

const away = new DomainError("unavailable", "BUSY", "Not now.");
const over = new DomainError("unauthenticated", "SESSION_ENDED", "It is over.");
const tooMany = new DomainError("exhausted", "TOO_MANY_REQUESTS", "Too many.", 2_000);

/** A connection whose services answer as the test says. */
function connect() {
  const said: { type: string; reason?: string }[] = [];
  const socket = Object.assign(new EventEmitter(), {
    ...{ OPEN: 1, readyState: 1, bufferedAmount: 0 },
    send: (text: string) => void said.push(JSON.parse(text)),
    close: () => {},
  });
  const watched: string[] = [];
  const written: string[] = [];
  const met: string[] = [];
  let receiver: Receiver;
  const full = new Set<string>();
  let identify: () => Promise<{ userId: string }> = async () => ({ userId: "1" });
  let known = 0;
  const hubs = {
    presence: {
      arrive: () => () => {},
      met: (_: string, otherId: string) => void met.push(otherId),
      watch: (_: unknown, ids: string[]) => void watched.push(...ids),
      unwatch: (_: unknown, ids: string[]) => void watched.push(...ids.map((id) => `not ${id}`)),
      leave: () => {},
    },
    typing: {
      writes: async (_: string, conversationId: string) => void written.push(conversationId),
      ...{ join: () => {}, leave: () => {} },
    },
    live: {
      watch: (_: unknown, ids: string[]) => void watched.push(...ids),
      ...{ unwatch: () => {}, leave: () => {} },
    },
  } as unknown as Hubs;
  const realtime = {
    auth: { identify: () => identify(), known: () => true },
    hub: {
      async join(joined: Receiver, _call: unknown, welcome: (recovered: boolean) => void) {
        receiver = joined;
        welcome(true);
      },
      leave: () => {},
    },
    hubs,
    limits: {
      async takeFor(name: string) {
        if (full.has(name)) throw tooMany;
      },
    },
    letIn: (enter: () => Promise<void>) => enter(),
    isWritingOff: () => false,
    ...{ admit: () => {}, forget: () => {}, unexpected: (error: unknown) => error },
  } as unknown as Realtime;
  serveConnection(
    socket as unknown as WebSocket,
    realtime,
    () => ({ traceId: "0".repeat(32), deadlineMs: Date.now() + 1_000 }),
    async () => {},
    () => ({}) as never,
    () => known++,
  );
  async function tell(frame: object) {
    socket.emit("message", JSON.stringify(frame), false);
    await nextTurn();
  }
  return {
    ...{ said, watched, written, met, full, tell },
    reach: (...entries: TimelineEntry[]) => receiver.take(entries),
    hello: () => tell({ type: "hello", token: "t", device: "one" }),
    types: () => said.map(({ type, reason }) => (reason ? `${type} ${reason}` : type)),
    known: () => known,
    identifying(answer: typeof identify) {
      identify = answer;
    },
  };
}

test("whose it is, is known once the token was good", async () => {
  const stranger = connect();
  stranger.identifying(() => Promise.reject(over));
  await stranger.hello();
  expect([stranger.types(), stranger.known()]).toEqual([["bye SESSION_ENDED"], 0]);
  const ada = connect();
  expect(ada.known()).toBe(0);
  await ada.hello();
  expect([ada.types(), ada.known()]).toEqual([["welcome"], 1]);
});

test("who waits for an answer to the hello is told that somebody is there, and nobody else is", async () => {
  const { hello, tell, types, identifying } = connect();
  let answer = (_: { userId: string }) => {};
  identifying(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  await hello();
  await tell({ type: "ping" });
  expect(types()).toEqual(["pong"]);
  answer({ userId: "1" });
  await nextTurn();
  expect(types()).toEqual(["pong", "welcome"]);
  const stranger = connect();
  await stranger.tell({ type: "ping" });
  expect(stranger.types()).toEqual(["bye FRAME_INVALID"]);
});

test("a token that nobody can look at just now ends nothing, and one that is over does", async () => {
  const { hello, tell, types, identifying } = connect();
  await hello();
  identifying(() => Promise.reject(away));
  await tell({ type: "token", token: "next" });
  await tell({ type: "ping" });
  expect(types()).toEqual(["welcome", "pong"]);
  identifying(() => Promise.reject(over));
  await tell({ type: "token", token: "next" });
  expect(types()).toEqual(["welcome", "pong", "bye SESSION_ENDED"]);
});

test("what is too much to watch is refused as a whole, and the connection goes on", async () => {
  const { hello, tell, types, watched, full } = connect();
  await hello();
  const videos = Array.from({ length: 11 }, (_, i) => String(i + 1));
  await tell({ type: "subscribe", people: ["5"], videos: videos.slice(0, 9) });
  watched.length = 0;
  await tell({ type: "subscribe", people: ["6"], videos: videos.slice(9) });
  expect([types(), watched]).toEqual([["welcome", "refused SUBSCRIPTIONS_TOO_MANY"], []]);
  full.add("subscriptions");
  await tell({ type: "subscribe", people: ["6"] });
  // Nobody is kept from watching less.
  await tell({ type: "unsubscribe", people: ["5"] });
  await tell({ type: "ping" });
  expect(types().slice(2)).toEqual(["refused TOO_MANY_REQUESTS", "pong"]);
  expect(watched).toEqual(["not 5"]);
});

test("a message between two may open whether they are here, and one in a group opens nothing", async () => {
  const { hello, reach, met } = connect();
  await hello();
  const message = (seq: string, fields: MessageInitShape<typeof MessageSchema>) =>
    create(TimelineEntrySchema, { seq, what: { case: "message", value: create(MessageSchema, fields) } });
  reach(message("1", { id: "11", senderId: "9", receiverId: "50", inGroup: true }));
  expect(met).not.toContain("9");
  reach(message("2", { id: "12", senderId: "8", receiverId: "1" }));
  reach(message("3", { id: "13", senderId: "1", receiverId: "7" }));
  expect(met.slice(1)).toEqual(["8", "7"]);
});

test("a person says only so often, over all connections, that they are writing", async () => {
  const { hello, tell, types, written, full } = connect();
  await hello();
  await tell({ type: "typing", conversationId: "7" });
  expect(written).toEqual(["7"]);
  const other = connect();
  await other.hello();
  other.full.add("typing");
  full.add("typing");
  await other.tell({ type: "typing", conversationId: "7" });
  await other.tell({ type: "ping" });
  expect([other.written, other.types(), types()]).toEqual([[], ["welcome", "pong"], ["welcome"]]);
});
