import { describe, expect, test } from "vitest";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem } from "./harness/http-client.ts";
import { befriendTold, connectDevice } from "./harness/realtime-device.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

interface Presence {
  userId: string;
  online: boolean;
  lastSeenAt: string | null;
}

describe.each(shapes)("who is here and who is writing, %s", (shape) => {
  const server = scenario(shape);
  const connect = (person: Person) => connectDevice(server.origin, person);
  const people = async () => Promise.all([server.register(), server.register()]);
  async function friends() {
    const [ada, ben] = await people();
    await befriendTold(ada, ben);
    return [ada, ben] as const;
  }
  const ask = async (person: Person, ...ids: string[]) =>
    body(await person.get<{ people: Presence[] }>(`/presence?userIds=${ids.join(",")}`)).people;
  const write = async (from: Person, to: Person) =>
    body(await from.post(`/conversations/${to.id}/messages`, { json: { content: "hello" } }), 201);
  const hide = async (person: Person, hidden: boolean) =>
    body(await person.put("/me/presence", { json: { hidden } }), 204);

  test("friends see each other come, with any device, and go with the last one", async () => {
    const [ada, ben] = await friends();
    const hers = await connect(ada);
    hers.tell({ type: "subscribe", people: [ben.id] });
    const [phone, desk] = [await connect(ben), await connect(ben)];
    await until("he is here", () => hers.presence(ben.id)?.online);
    expect(await ask(ada, ben.id)).toEqual([{ userId: ben.id, online: true, lastSeenAt: null }]);
    phone.socket.close();
    const leftMs = Date.now();
    desk.socket.close();
    const gone = await until("he is gone", () => {
      const one = hers.presence(ben.id);
      return one?.online === false && one;
    });
    expect(Math.abs(Date.parse(gone.lastSeenAt!) - leftMs)).toBeLessThan(60_000);
    expect(await ask(ada, ben.id)).toMatchObject([{ userId: ben.id, online: false }]);
    expect(hers.of("presence")).toHaveLength(2);
  });

  test("who waits by requests is here as well", async () => {
    const [ada, ben] = await friends();
    const { epoch } = body(await ben.get<{ epoch: string }>("/realtime/entries"));
    const waiting = ben.get(`/realtime/entries?epoch=${epoch}&after=1`);
    await until("he is here", async () => (await ask(ada, ben.id))[0]?.online);
    await write(ada, ben);
    body(await waiting);
  });

  test("strangers see nothing, and those with whom messages went both ways do", async () => {
    const [ada, ben] = await people();
    const [hers] = [await connect(ada), await connect(ben)];
    hers.tell({ type: "subscribe", people: [ben.id, ada.id, "1"] });
    await write(ada, ben);
    expect(await ask(ada, ben.id, ada.id, "1")).toEqual([]);
    await write(ben, ada);
    await until("she sees him", () => hers.presence(ben.id)?.online);
    expect(await ask(ada, ben.id)).toMatchObject([{ online: true }]);
    expect(hers.of("presence").flatMap((one) => one.people!.map(({ userId }) => userId))).toEqual([ben.id]);
  });

  test("a block ends it at once, for both, and so does the end of a friendship", async () => {
    const [ada, ben] = await friends();
    const [hers, his] = [await connect(ada), await connect(ben)];
    hers.tell({ type: "subscribe", people: [ben.id] });
    his.tell({ type: "subscribe", people: [ada.id] });
    await until("they see each other", () => hers.presence(ben.id)?.online && his.presence(ada.id)?.online);
    body(await ben.delete(`/users/${ada.id}/follow`), 204);
    const nothing = { online: false, lastSeenAt: null };
    await until("neither does", () => !hers.presence(ben.id)!.online && !his.presence(ada.id)!.online);
    expect([hers.presence(ben.id), his.presence(ada.id)]).toMatchObject([nothing, nothing]);
    body(await ben.put(`/users/${ada.id}/follow`), 204);
    await until("both do again", () => hers.presence(ben.id)!.online && his.presence(ada.id)!.online);
    body(await ben.put(`/users/${ada.id}/block`), 204);
    await until("neither does", () => !hers.presence(ben.id)!.online && !his.presence(ada.id)!.online);
    expect(hers.presence(ben.id)).toMatchObject(nothing);
    expect(await ask(ada, ben.id)).toEqual([]);
    expect(await ask(ben, ada.id)).toEqual([]);
  });

  test("who hides is not seen, sees nobody, and every device of theirs learns of it", async () => {
    const [ada, ben] = await friends();
    const [hers, his] = [await connect(ada), await connect(ben)];
    hers.tell({ type: "subscribe", people: [ben.id] });
    his.tell({ type: "subscribe", people: [ada.id] });
    await until("they see each other", () => hers.presence(ben.id)?.online && his.presence(ada.id)?.online);
    expect(body(await ben.get("/me/presence"))).toEqual({ hidden: false });
    await hide(ben, true);
    expect(body(await ben.get("/me/presence"))).toEqual({ hidden: true });
    await until("she does not see him", () => !hers.presence(ben.id)!.online);
    await until("nor he her", () => !his.presence(ada.id)!.online);
    expect([hers.presence(ben.id)!.lastSeenAt, his.presence(ada.id)!.lastSeenAt]).toEqual([null, null]);
    expect(await ask(ben, ada.id)).toEqual([]);
    expect(await ask(ada, ben.id)).toEqual([{ userId: ben.id, online: false, lastSeenAt: null }]);
    const entry = await until(
      "the entry",
      () => his.of("entries").flatMap((one) => one.entries as object[])[0],
    );
    expect(entry).toMatchObject({ seq: "2", kind: "settings", settings: { presenceHidden: true } });
    await hide(ben, false);
    await until("all is as before", () => hers.presence(ben.id)!.online && his.presence(ada.id)!.online);
  });

  test("nobody is told that somebody who hides is writing", async () => {
    const [[ada, ben], fay] = [await friends(), await server.register()];
    await befriendTold(fay, ada);
    const made = await ada.post<{ group: { id: string } }>("/groups", {
      json: { name: "Trip", userIds: [ben.id] },
    });
    await hide(ben, true);
    const [hers, his, his2, fays] = [
      await connect(ada),
      await connect(ben),
      await connect(ben),
      await connect(fay),
    ];
    his.tell({ type: "typing", conversationId: ada.id });
    his2.tell({ type: "typing", conversationId: body(made, 201).group.id });
    await Promise.all([his.heard(), his2.heard()]);
    fays.tell({ type: "typing", conversationId: ada.id });
    expect((await hers.frame("typing")).userId).toBe(fay.id);
  });

  test("typing reaches friends and whom one answers, on every device, and nobody else", async () => {
    const [ada, ben] = await friends();
    const eve = await server.register();
    const [hers, his, his2, eves] = [
      await connect(ada),
      await connect(ben),
      await connect(ben),
      await connect(eve),
    ];
    hers.tell({ type: "typing", conversationId: ben.id });
    for (const device of [his, his2])
      expect(await device.frame("typing")).toMatchObject({ conversationId: ada.id, userId: ada.id });
    // A stranger, who was written to and has not answered.
    eves.tell({ type: "typing", conversationId: ben.id });
    await write(eve, ben);
    await until("it has come", () => his.of("entries")[0]);
    his.tell({ type: "typing", conversationId: eve.id });
    expect(await eves.frame("typing")).toMatchObject({ conversationId: ben.id, userId: ben.id });
    body(await ben.put(`/users/${ada.id}/block`), 204);
    // A connection says it once a second at most.
    const [hers2, hers3, hers4] = [await connect(ada), await connect(ada), await connect(ada)];
    hers2.tell({ type: "typing", conversationId: ben.id });
    hers3.tell({ type: "typing", conversationId: ada.id });
    hers4.tell({ type: "typing", conversationId: "1" });
    const fay = await server.register();
    await befriendTold(fay, ben);
    const fays = await connect(fay);
    fays.tell({ type: "typing", conversationId: ben.id });
    expect((await his.frame("typing", 1)).userId).toBe(fay.id);
    expect([hers, hers2, hers3, hers4].flatMap((device) => device.of("typing"))).toEqual([]);
  });

  test.each([
    ["10,000 ids", { type: "subscribe", people: Array.from({ length: 900 }, (_, i) => `${i + 1}`) }],
    ["ids that are none", { type: "subscribe", people: ["0", "x"] }],
    ["typing nowhere", { type: "typing", conversationId: "" }],
  ])("%s are refused", async (_what, frame) => {
    const device = await connect(await server.register());
    device.tell(frame);
    expect(await device.frame("bye")).toMatchObject({ reason: "FRAME_INVALID" });
  });

  test("a connection watches so many and no more", async () => {
    const device = await connect(await server.register());
    const ids = (from: number, count: number) => Array.from({ length: count }, (_, i) => `${from + i}`);
    device.tell({ type: "subscribe", people: ids(1, 100) });
    device.tell({ type: "unsubscribe", people: ids(1, 100), videos: ["5"], uploads: ["6"] });
    device.tell({ type: "subscribe", people: ids(201, 100) });
    device.tell({ type: "subscribe", people: ids(201, 100) });
    await device.heard();
    expect(device.of("bye")).toEqual([]);
    device.tell({ type: "subscribe", people: ["1"] });
    expect(await device.frame("refused")).toMatchObject({
      reason: "SUBSCRIPTIONS_TOO_MANY",
      detail: expect.stringContaining("100"),
    });
    await device.heard();
    expect(device.of("bye")).toEqual([]);
  });

  test("a flood of subscriptions is refused", async () => {
    const device = await connect(await server.register());
    for (let i = 0; i < 50; i++) device.tell({ type: "subscribe", people: [String(i + 1)] });
    expect(await device.frame("bye")).toMatchObject({ reason: "TOO_MANY_REQUESTS" });
  });

  test("requests for presence want ids, and an account", async () => {
    const ada = await server.register();
    for (const userIds of ["", "0", "a,b", `${"1,".repeat(100)}1`, "1,,2"])
      expectProblem(await ada.get(`/presence?userIds=${userIds}`), 422, "INVALID_ARGUMENT");
    expectProblem(await server.api("GET", "/presence?userIds=1"), 401, "LOGIN_REQUIRED");
    expectProblem(await ada.put("/me/presence", { json: {} }), 422, "INVALID_ARGUMENT");
  });
});
