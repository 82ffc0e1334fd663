import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Schemas, send } from "./harness/http-client.ts";
import { befriendTold } from "./harness/realtime-device.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

interface Entry {
  seq: string;
  at: string;
  kind: string;
  idempotencyKey?: string;
  unread?: number;
  message?: { id: string; conversationId: string; senderId: string; text: string };
  read?: { conversationId: string; readerId: string; upTo: string };
}
interface Frame {
  type: string;
  epoch?: string;
  seq?: string;
  recovered?: boolean;
  entries?: Entry[];
  reason?: string;
  [field: string]: unknown;
}

describe.each(shapes)("realtime, %s", (shape) => {
  const server = scenario(shape);

  /** A device that keeps every frame it is sent. */
  async function connect(person: Person, hello: { epoch?: string; seq?: string; device?: string } = {}) {
    const socket = new WebSocket(`${server.origin.replace("http", "ws")}/api/v1/realtime`, "douya.1");
    const frames: Frame[] = [];
    let closed: number | undefined;
    socket.on("message", (data) => frames.push(JSON.parse(String(data))));
    socket.on("close", (code) => {
      closed = code;
    });
    socket.on("error", () => {});
    onTestFinished(() => socket.terminate());
    const tell = (frame: object) => socket.send(JSON.stringify(frame));
    socket.on("open", () =>
      tell({ type: "hello", token: person.session.accessToken, device: "one", ...hello }),
    );
    const frame = (type: string, at = 0) =>
      until(`a frame ${type}`, () => frames.filter((one) => one.type === type)[at]);
    const entries = () => frames.flatMap((one) => one.entries ?? []);
    return {
      socket,
      tell,
      frame,
      frames,
      entries,
      closed: () => until("the connection ends", () => closed),
      welcome: await frame("welcome"),
      entriesUpTo: (count: number) =>
        until(`${count} entries`, () => (entries().length >= count ? entries() : undefined)),
    };
  }
  const write = async (from: Person, to: Person, content: string) =>
    body(await from.post<Schemas["Message"]>(`/conversations/${to.id}/messages`, { json: { content } }), 201);
  const friends = async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    await befriendTold(ada, ben);
    return [ada, ben] as const;
  };

  test("what one sends reaches both, in order, with numbers without a gap", async () => {
    const [ada, ben] = await friends();
    const [ada1, ben1] = await Promise.all([connect(ada), connect(ben)]);
    expect(ben1.welcome).toMatchObject({ recovered: false, seq: "1", heartbeatMs: expect.any(Number) });
    for (let i = 0; i < 5; i++)
      ada1.tell({ type: "send", idempotencyKey: `k${i}`, conversationId: ben.id, text: `hello ${i}` });
    const heard = await ben1.entriesUpTo(5);
    expect(
      heard.map(({ seq, kind, message }) => [seq, kind, message?.text, message?.conversationId]),
    ).toEqual([0, 1, 2, 3, 4].map((i) => [`${i + 2}`, "message", `hello ${i}`, ada.id]));
    expect(
      (await ada1.entriesUpTo(5)).map(({ message, idempotencyKey }) => [
        message?.conversationId,
        idempotencyKey,
      ]),
    ).toEqual([0, 1, 2, 3, 4].map((i) => [ben.id, `k${i}`]));
    expect(heard.map(({ idempotencyKey }) => idempotencyKey)).toEqual(Array(5).fill(undefined));
    const sent = await ada1.frame("sent");
    expect(sent).toMatchObject({ idempotencyKey: "k0", message: { id: heard[0]!.message!.id } });
  });

  test("a device that comes back is given what it missed, once", async () => {
    const [ada, ben] = await friends();
    const first = await connect(ben);
    await write(ada, ben, "one");
    await first.entriesUpTo(1);
    first.socket.terminate();
    for (const text of ["two", "three"]) await write(ada, ben, text);
    const again = await connect(ben, { epoch: first.welcome.epoch!, seq: "2" });
    expect(again.welcome).toMatchObject({ recovered: true, seq: "2" });
    await write(ada, ben, "four");
    const heard = await again.entriesUpTo(3);
    expect(heard.map(({ seq, message }) => [seq, message?.text])).toEqual([
      ["3", "two"],
      ["4", "three"],
      ["5", "four"],
    ]);
    const strange = await connect(ben, { epoch: "another", seq: "1" });
    expect(strange.welcome).toMatchObject({ recovered: false, seq: "5" });
    const ahead = await connect(ben, { epoch: first.welcome.epoch!, seq: "99" });
    expect(ahead.welcome).toMatchObject({ recovered: false, seq: "5" });
  });

  test("what one has read is told to their other devices and to the peer, and how much is unread", async () => {
    const [ada, ben] = await friends();
    const [ada1, ben1] = await Promise.all([connect(ada), connect(ben)]);
    const { id } = await write(ada, ben, "read me");
    expect(await ben1.entriesUpTo(1)).toMatchObject([{ kind: "message", unread: 1 }]);
    body(await ben.put(`/conversations/${ada.id}/read`, { json: { upTo: id } }), 204);
    expect((await ada1.entriesUpTo(2))[1]).toMatchObject({
      kind: "read",
      read: { conversationId: ben.id, readerId: ben.id, upTo: id },
    });
    expect((await ben1.entriesUpTo(2))[1]).toMatchObject({
      kind: "read",
      unread: 0,
      read: { conversationId: ada.id, readerId: ben.id, upTo: id },
    });
  });

  test("who cannot have a connection waits for the same by a request", async () => {
    const [ada, ben] = await friends();
    type Answer = { epoch: string; seq: string; recovered: boolean; entries: Entry[] };
    const ask = async (query = "") => body(await ben.get<Answer>(`/realtime/entries${query}`));
    const start = await ask();
    expect(start).toEqual({ epoch: expect.any(String), seq: "1", recovered: false, entries: [] });
    const waiting = ask(`?epoch=${start.epoch}&after=1`);
    await write(ada, ben, "while you wait");
    const heard = await waiting;
    expect(heard).toMatchObject({
      seq: "2",
      recovered: true,
      entries: [{ message: { text: "while you wait" } }],
    });
    await write(ada, ben, "meanwhile");
    const { entries } = await ask(`?epoch=${heard.epoch}&after=${heard.seq}`);
    expect(entries.map(({ seq, message }) => [seq, message?.text])).toEqual([["3", "meanwhile"]]);
    expect(await ask(`?epoch=${heard.epoch}&after=99`)).toMatchObject({ seq: "3", recovered: false });
    expectProblem(await ben.get("/realtime/entries?epoch=%00"), 422, "INVALID_ARGUMENT");
  });

  test("a session that ends takes its connections along", async () => {
    const ada = await server.register();
    const device = await connect(ada);
    body(await ada.delete("/sessions/current"), 204);
    expect(await device.frame("bye")).toMatchObject({ reason: "SESSION_ENDED" });
    expect(await device.closed()).toBe(1008);
  });

  test("a session that ends ends the requests that wait, and those of another one go on", async () => {
    const ada = await server.register();
    const other = await server.logIn(ada.username, ada.password);
    const { epoch } = body(await ada.get<{ epoch: string }>("/realtime/entries"));
    const path = `/realtime/entries?epoch=${epoch}&after=0`;
    const goesOn = other.get(path).then(() => undefined);
    const ends = ada.get(path);
    body(await ada.delete("/sessions/current"), 204);
    expectProblem((await Promise.race([goesOn, ends]))!, 401, "SESSION_ENDED");
    await write(await server.register(), ada, "for the other one");
    await goesOn;
  });

  test("of too many connections, an earlier one of the same device makes room", async () => {
    const ada = await server.register();
    const phone = await connect(ada, { device: "phone" });
    const desks = await Promise.all(Array.from({ length: 19 }, () => connect(ada, { device: "desk" })));
    await connect(ada, { device: "desk" });
    const replaced = () =>
      desks.filter(({ frames }) => frames.some(({ reason }) => reason === "CONNECTION_REPLACED"));
    await until("one is replaced", () => replaced().length === 1);
    phone.tell({ type: "ping" });
    await phone.frame("pong");
  });

  test("a connection goes on with the next token of its session, and with nobody else's", async () => {
    const [ada, ben] = await friends();
    const device = await connect(ada);
    const next = await server.logIn(ada.username, ada.password);
    device.tell({ type: "token", token: next.session.accessToken });
    device.tell({ type: "ping" });
    await device.frame("pong");
    await write(ben, ada, "still here?");
    await device.entriesUpTo(1);
    // The first one counts no more.
    body(await ada.delete("/sessions/current"), 204);
    await write(ben, ada, "and now?");
    await device.entriesUpTo(2);
    expect(device.frames.some(({ type }) => type === "bye")).toBe(false);
    device.tell({ type: "token", token: ben.session.accessToken });
    expect(await device.frame("bye")).toMatchObject({ reason: "FRAME_INVALID" });
  });

  test.each([
    ["no JSON", "{", "FRAME_INVALID"],
    ["an unknown type", `{"type":"wonder"}`, "FRAME_INVALID"],
    ["something before hello", `{"type":"ping"}`, "FRAME_INVALID"],
    ["a token that is none", `{"type":"hello","token":"x","device":"a"}`, "TOKEN_INVALID"],
    ["a position that is none", `{"type":"hello","token":"x","device":"a","seq":"-1"}`, "FRAME_INVALID"],
  ])("%s is refused with a reason", async (_what, text, reason) => {
    const socket = new WebSocket(`${server.origin.replace("http", "ws")}/api/v1/realtime`, "douya.1");
    const frames: Frame[] = [];
    let code: number | undefined;
    socket.on("message", (data) => frames.push(JSON.parse(String(data))));
    socket.on("close", (with_) => {
      code = with_;
    });
    socket.on("open", () => socket.send(text));
    await until("it is closed", () => code);
    expect([frames.map((frame) => [frame.type, frame.reason]), code]).toEqual([[["bye", reason]], 1008]);
  });

  test("pages of other sites do not connect", async () => {
    const socket = new WebSocket(`${server.origin.replace("http", "ws")}/api/v1/realtime`, "douya.1", {
      origin: "https://evil.example",
    });
    let status: number | undefined;
    socket.on("unexpected-response", (_request, response) => {
      status = response.statusCode;
      response.destroy();
    });
    socket.on("error", () => {});
    expect(await until("it is refused", () => status)).toBe(403);
  });

  test("clients are told where to connect", async () => {
    const { endpoints } = body(
      await send<{ endpoints: unknown[] }>("GET", `${server.origin}/api/v1/realtime/endpoints`),
    );
    expect(endpoints).toEqual([{ url: `${server.origin.replace("http", "ws")}/api/v1/realtime`, weight: 1 }]);
  });

  test("a request that is no WebSocket is told so", async () => {
    const answer = await send("GET", `${server.origin}/api/v1/realtime`);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
  });
});
