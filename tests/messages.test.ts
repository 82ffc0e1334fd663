import { describe, expect, test } from "vitest";
import { type ClassicMessage, classicClient, digits, ok, refused } from "./harness/classic-client.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Message = Schemas["Message"];
type Conversation = Schemas["Conversation"];
interface Standing {
  muted: boolean;
  peerReadUpTo: string | null;
}

describe.each(shapes)("messages, %s", (shape) => {
  const server = scenario(shape);

  const write = (from: Person, to: { id: string }, content: string, key?: string) =>
    from.post<Message>(`/conversations/${to.id}/messages`, { json: { content, idempotencyKey: key } });
  const wrote = async (from: Person, to: { id: string }, content: string, key?: string) =>
    body(await write(from, to, content, key), 201);
  const read = async (me: Person, peer: { id: string }, query = "") =>
    body(await me.get<Page<Message>>(`/conversations/${peer.id}/messages${query}`));
  const conversations = async (me: Person, query = "") =>
    body(await me.get<Page<Conversation>>(`/conversations${query}`));
  const unread = async (me: Person) => body(await me.get<{ messages: number }>("/me/unread")).messages;
  const markRead = async (me: Person, peer: { id: string }, upTo: string) =>
    body(await me.put(`/conversations/${peer.id}/read`, { json: { upTo } }), 204);
  const follow = async (from: Person, to: Person) => body(await from.put(`/users/${to.id}/follow`), 204);
  async function befriend(one: Person, other: Person) {
    await follow(one, other);
    await follow(other, one);
  }
  const nothing = { items: [], nextCursor: null, people: [], muted: false, peerReadUpTo: null };
  const two = () => Promise.all([server.register(), server.register()]);

  test("what one sends, both read, with its line breaks and in its order", async () => {
    const [ada, ben] = await two();
    const before = Date.now();
    const first = await wrote(ada, ben, "  Hello\r\nBen 👨‍👩‍👧‍👦 ");
    expect(first).toEqual({
      id: expect.stringMatching(/^\d+$/),
      senderId: ada.id,
      receiverId: ben.id,
      content: "Hello\nBen 👨‍👩‍👧‍👦",
      sentAt: expect.any(String),
    });
    expect(BigInt(first.id)).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER));
    expect(Math.abs(Date.parse(first.sentAt) - before)).toBeLessThan(60_000);
    const second = await wrote(ben, ada, "Hello Ada");
    for (const [me, peer] of [
      [ada, ben],
      [ben, ada],
    ] as const)
      expect(await read(me, peer)).toEqual({ ...nothing, items: [first, second] });
    expect(await read(ada, await server.register())).toEqual(nothing);
  });

  test("a stranger gets 3 messages until they answer, also when all are sent at once", async () => {
    const [ada, ben] = await two();
    const sent = await Promise.all(Array.from({ length: 8 }, (_, i) => write(ada, ben, `${i}`)));
    expect(sent.filter((answer) => answer.status === 201)).toHaveLength(3);
    const refusal = expectProblem(await write(ada, ben, "one more"), 403, "STRANGER_LIMIT");
    expect(refusal.detail).toContain("3 messages");
    expect((await read(ben, ada)).items).toHaveLength(3);
    // A follow alone makes no friends.
    await follow(ada, ben);
    expectProblem(await write(ada, ben, "one more"), 403, "STRANGER_LIMIT");
    await wrote(ben, ada, "an answer");
    for (let i = 0; i < 5; i++) await wrote(ada, ben, "goes on");
    for (let i = 0; i < 5; i++) await wrote(ben, ada, "as well");
  });

  test("friends write freely, as long as they are friends", async () => {
    const [ada, ben] = await two();
    await befriend(ada, ben);
    for (let i = 0; i < 5; i++) await wrote(ada, ben, `${i}`);
    body(await ben.delete(`/users/${ada.id}/follow`), 204);
    for (let i = 0; i < 3; i++) await wrote(ada, ben, `${i}`);
    expectProblem(await write(ada, ben, "one more"), 403, "STRANGER_LIMIT");
    await follow(ben, ada);
    await wrote(ada, ben, "friends again");
  });

  test("sent again with its key it is the same message, even where a new one would be refused", async () => {
    const [ada, ben] = await two();
    const same = await Promise.all(Array.from({ length: 5 }, (_, i) => wrote(ada, ben, `${i}`, "my-key")));
    expect(new Set(same.map((one) => `${one.id} ${one.content}`)).size).toBe(1);
    await wrote(ada, ben, "two", "another");
    await wrote(ada, ben, "three");
    expect(await wrote(ada, ben, "four", "my-key")).toEqual(same[0]);
    expect((await wrote(ben, ada, "of somebody else", "my-key")).content).toBe("of somebody else");
    expect((await read(ada, ben)).items).toHaveLength(4);
    expect(await unread(ben)).toBe(3);
  });

  test("a message that is not allowed is refused and changes nothing", async () => {
    const [ada, ben] = await two();
    for (const content of ["", " \n ", "\u200b", "x".repeat(2001), "😀".repeat(2001), "a\u0000b"])
      expectProblem(await write(ada, ben, content), 422, "MESSAGE_INVALID");
    for (const content of ["a\ud83d", "x".repeat(20_000)])
      expectProblem(await write(ada, ben, content), 422, "INVALID_ARGUMENT");
    expectProblem(await write(ada, ada, "me"), 422, "WRITES_TO_SELF");
    expectProblem(await write(ada, { id: "9223372036854775807" }, "nobody"), 404, "USER_NOT_FOUND");
    for (const id of ["0", "-1", "x", "99999999999999999999"])
      expectProblem(await write(ada, { id }, "nobody"), 422, "INVALID_ARGUMENT");
    expectProblem(await write(ada, { id: "9999999999999999999" }, "nobody"), 404, "USER_NOT_FOUND");
    expectProblem(await write(ada, ben, "x", "k".repeat(65)), 422, "INVALID_ARGUMENT");
    expectProblem(await write(ada, ben, "x", "ключ"), 422, "IDEMPOTENCY_KEY_INVALID");
    for (const json of [{}, { content: {} }, []])
      expectProblem(await ada.post(`/conversations/${ben.id}/messages`, { json }), 422, "INVALID_ARGUMENT");
    const path = `/conversations/${ben.id}`;
    for (const query of ["?limit=0", "?limit=101", "?before=x", "?after=0", "?before=5&after=5"])
      expectProblem(await ada.get(`${path}/messages${query}`), 422, "INVALID_ARGUMENT");
    for (const json of [{}, { upTo: "x" }, { upTo: 5.5 }])
      expectProblem(await ada.put(`${path}/read`, { json }), 422, "INVALID_ARGUMENT");
    for (const [method, guest] of [
      ["GET", "/conversations"],
      ["GET", `${path}/messages`],
      ["POST", `${path}/messages`],
      ["PUT", `${path}/read`],
      ["GET", "/me/unread"],
    ] as const)
      expectProblem(
        await server.api(method, guest, method === "GET" ? {} : { json: {} }),
        401,
        "LOGIN_REQUIRED",
      );
    for (const me of [ada, ben]) {
      expect(await conversations(me)).toEqual({ items: [], nextCursor: null, people: [] });
      expect(await unread(me)).toBe(0);
    }
    await wrote(ada, ben, "😀".repeat(2000));
  });

  test("pages in both directions neither repeat nor skip", async () => {
    const [ada, ben] = await two();
    await befriend(ada, ben);
    await Promise.all(
      Array.from({ length: 11 }, (_, i) => (i % 2 ? wrote(ada, ben, `${i}`) : wrote(ben, ada, `${i}`))),
    );
    const everything = (await read(ada, ben)).items;
    expect(everything).toHaveLength(11);
    const times = everything.map((one) => Date.parse(one.sentAt));
    expect(times.every((ms, i) => i === 0 || times[i - 1]! < ms)).toBe(true);
    const back: Message[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: Page<Message> = await read(ada, ben, `?limit=3${cursor && `&before=${cursor}`}`);
      back.unshift(...page.items);
      cursor = page.nextCursor;
    }
    expect(back).toEqual(everything);
    const forth = [everything[0]!];
    for (let cursor: string | null = forth[0]!.id; cursor !== null; ) {
      const page: Page<Message> = await read(ben, ada, `?limit=3&after=${cursor}`);
      forth.push(...page.items);
      cursor = page.nextCursor;
    }
    expect(forth).toEqual(everything);
    expect((await read(ada, ben, `?after=${everything.at(-1)!.id}`)).items).toEqual([]);
  });

  test("conversations: the latest first, with what is unread; reading counts down and never up", async () => {
    const [ada, ben] = await two();
    const [eve, kim] = await two();
    const first = await wrote(ben, ada, "one");
    const second = await wrote(ben, ada, "two");
    await wrote(kim, ada, "kim");
    const fromEve = await wrote(eve, ada, "eve");
    await wrote(ben, ada, "three");
    const summary = async () =>
      (await conversations(ada)).items.map((one) => [one.id, one.latest.content, one.unread]);
    expect(await summary()).toEqual([
      [ben.id, "three", 3],
      [eve.id, "eve", 1],
      [kim.id, "kim", 1],
    ]);
    expect(await unread(ada)).toBe(5);
    await markRead(ada, ben, second.id);
    expect(await unread(ada)).toBe(3);
    await markRead(ada, ben, first.id);
    const [withBen] = (await conversations(ada)).items;
    expect(withBen).toMatchObject({ unread: 1, readUpTo: second.id, latest: { senderId: ben.id } });
    expect(withBen!.peer!.username).toBe(ben.username);
    // An id beyond the last: later messages are unread all the same.
    await markRead(ada, eve, "9223372036854775807");
    await wrote(eve, ada, "eve again");
    expect(await unread(ada)).toBe(3);
    await markRead(ada, await server.register(), fromEve.id);
    // One's own message is not unread, and the conversation moves up.
    await wrote(ada, kim, "answer");
    expect((await summary())[0]).toEqual([kim.id, "answer", 1]);
    expect(await unread(ben)).toBe(0);
    expect((await conversations(ben)).items).toMatchObject([
      { peer: { id: ada.id }, unread: 0, readUpTo: null },
    ]);
    const page = await conversations(ada, "?limit=2");
    const rest = await conversations(ada, `?limit=2&cursor=${page.nextCursor}`);
    expect([...page.items, ...rest.items].map((one) => one.id)).toEqual([kim.id, eve.id, ben.id]);
    expect(rest.nextCursor).toBeNull();
  });

  test("one sees with the newest messages up to where the other has read, unless there is a block, and whether one has muted it", async () => {
    const [ada, ben] = await two();
    const first = await wrote(ada, ben, "one");
    await wrote(ada, ben, "two");
    const standing = async (me: Person, peer: Person, query = "") => {
      const { muted, peerReadUpTo } = body(
        await me.get<Standing>(`/conversations/${peer.id}/messages${query}`),
      );
      return [muted, peerReadUpTo];
    };
    expect(await standing(ada, ben)).toEqual([false, null]);
    await markRead(ben, ada, first.id);
    expect(await standing(ada, ben)).toEqual([false, first.id]);
    expect(await standing(ben, ada)).toEqual([false, null]);
    body(await ada.put(`/conversations/${ben.id}/mute`), 204);
    expect(await standing(ada, ben)).toEqual([true, first.id]);
    expect(await standing(ada, ben, `?after=${first.id}`)).toEqual([true, null]);
    body(await ben.put(`/users/${ada.id}/block`), 204);
    await until("the block", async () => (await standing(ada, ben))[1] === null);
  });

  describe("of the classic API", () => {
    const classicApi = classicClient(() => server.origin);
    const action = (from: Person, fields: Record<string, string>) =>
      classicApi.post("/message/action/", { token: from.session.accessToken, action_type: "1", ...fields });
    const chatAnswer = (me: Person, peer: { id: string }, preMsgTime?: string) =>
      classicApi.get("/message/chat/", {
        token: me.session.accessToken,
        to_user_id: peer.id,
        ...(preMsgTime !== undefined && { pre_msg_time: preMsgTime }),
      });
    const chat = async (me: Person, peer: { id: string }, preMsgTime?: string) =>
      ok(await chatAnswer(me, peer, preMsgTime)).message_list!;
    const friends = async (me: Person, userId = me.id) =>
      ok(await classicApi.get("/relation/friend/list/", { token: me.session.accessToken, user_id: userId }))
        .user_list!;

    test("send and list, with every digit of the ids", async () => {
      const [ada, ben] = await two();
      ok(await action(ada, { to_user_id: ben.id, content: "Hello" }));
      ok(await action(ben, { to_user_id: ada.id, content: "Hi" }));
      const [first, second] = (await read(ada, ben)).items;
      const answer = await chatAnswer(ada, ben);
      expect(digits(answer, "id")).toEqual([first!.id, second!.id]);
      expect(digits(answer, "from_user_id")).toEqual([ada.id, ben.id]);
      expect(digits(answer, "to_user_id")).toEqual([ben.id, ada.id]);
      expect(ok(answer).message_list).toEqual([
        {
          id: Number(first!.id),
          from_user_id: Number(ada.id),
          to_user_id: Number(ben.id),
          content: "Hello",
          create_time: Date.parse(first!.sentAt),
        },
        expect.objectContaining({ content: "Hi", create_time: Date.parse(second!.sentAt) }),
      ]);
    });

    test("only newer ones, none twice or lost when the client continues", async () => {
      const [ada, ben] = await two();
      await befriend(ada, ben);
      const count = 40;
      const seen: ClassicMessage[] = [];
      const poll = async () => seen.push(...(await chat(ben, ada, String(seen.at(-1)?.create_time ?? 0))));
      const sending = Promise.all(
        Array.from({ length: count }, (_, i) =>
          action(i % 2 ? ada : ben, { to_user_id: i % 2 ? ben.id : ada.id, content: `${i}` }).then(ok),
        ),
      );
      await until("all of them", async () => {
        await poll();
        return seen.length >= count;
      });
      await sending;
      await poll();
      expect(seen.map((one) => Number(one.content)).sort((a, b) => a - b)).toEqual(
        Array.from({ length: count }, (_, i) => i),
      );
      expect(seen.every((one, i) => i === 0 || seen[i - 1]!.create_time < one.create_time)).toBe(true);
      const middle = seen[19]!.create_time;
      expect(await chat(ada, ben, String(middle))).toEqual(seen.slice(20));
      expect(await chat(ada, ben, String(middle - 1))).toEqual(seen.slice(19));
      expect(await chat(ada, ben, String(seen.at(-1)!.create_time))).toEqual([]);
      expect(await chat(ada, ben, "9223372036854775807")).toEqual([]);
      for (const start of ["0", "", "1"]) expect(await chat(ada, ben, start)).toEqual(seen);
    });

    test("listed messages count as read", async () => {
      const [ada, ben] = await two();
      ok(await action(ada, { to_user_id: ben.id, content: "Hello" }));
      expect(await unread(ben)).toBe(1);
      await chat(ada, ben);
      expect(await unread(ben)).toBe(1);
      await chat(ben, ada);
      expect(await unread(ben)).toBe(0);
    });

    test("friends, with the latest message and who sent it", async () => {
      const [ada, ben] = await two();
      const [eve, kim] = await two();
      for (const friend of [ben, eve, kim]) await befriend(ada, friend);
      await follow(ada, await server.register());
      ok(await action(ada, { to_user_id: ben.id, content: "old" }));
      ok(await action(ben, { to_user_id: ada.id, content: "from Ben" }));
      ok(await action(ada, { to_user_id: eve.id, content: "to Eve" }));
      const list = await friends(ada);
      expect(list.map((one) => one.id)).toEqual([kim, eve, ben].map((one) => Number(one.id)));
      expect(list[2]).toMatchObject({ message: "from Ben", msgType: 0, msg_type: 0, is_follow: true });
      expect(list[2]).toMatchObject({ name: ben.username, follow_count: 1, follower_count: 1 });
      expect(list[1]).toMatchObject({ message: "to Eve", msgType: 1, msg_type: 1 });
      for (const field of ["message", "msgType", "msg_type"]) expect(list[0]).not.toHaveProperty(field);
      expect(await friends(ben)).toMatchObject([{ message: "from Ben", msgType: 1, msg_type: 1 }]);
      // In the list of another person's friends, the messages are those of the caller.
      expect((await friends(ben, eve.id))[0]).toMatchObject({ id: Number(ada.id), message: "from Ben" });
      expect((await friends(kim, eve.id))[0]).not.toHaveProperty("message");
    });

    test("refusals name what is wrong", async () => {
      const [ada, ben] = await two();
      const token = ada.session.accessToken;
      const to_user_id = ben.id;
      const send = (fields: Record<string, string>) => action(ada, { to_user_id, content: "x", ...fields });
      refused(
        await classicApi.post("/message/action/", { to_user_id, action_type: "1", content: "x" }),
        10105,
      );
      refused(await send({ token: "abc" }), 10106);
      for (const [name, value] of [
        ["to_user_id", ""],
        ["to_user_id", "x"],
        ["action_type", "2"],
        ["action_type", ""],
        ["content", "x".repeat(5000)],
      ] as const)
        expect(refused(await send({ [name]: value }), 10001)).toContain(name);
      for (const missing of ["to_user_id", "action_type", "content"]) {
        const fields: Record<string, string> = { token, to_user_id, action_type: "1", content: "x" };
        delete fields[missing];
        expect(refused(await classicApi.post("/message/action/", fields), 10001)).toContain(missing);
      }
      refused(await send({ content: "" }), 10901);
      refused(await send({ content: "x".repeat(2001) }), 10901);
      refused(await send({ to_user_id: ada.id }), 10902);
      refused(await send({ to_user_id: "9223372036854775807" }), 10109);
      for (let i = 0; i < 3; i++) ok(await send({}));
      expect(refused(await send({}), 10903)).toContain("3 messages");

      refused(await classicApi.get("/message/chat/", { to_user_id }), 10105);
      expect(refused(await classicApi.get("/message/chat/", { token }), 10001)).toContain("to_user_id");
      for (const time of ["x", "-1", "1.5"])
        expect(refused(await chatAnswer(ada, ben, time), 10001)).toContain("pre_msg_time");
      expect(await chat(ada, { id: "9223372036854775807" })).toEqual([]);
      refused(await classicApi.get("/relation/friend/list/", { user_id: ada.id }), 10105);
      expect(refused(await classicApi.get("/relation/friend/list/", { token }), 10001)).toContain("user_id");
      expect((await read(ada, ben)).items).toHaveLength(3);
    });
  });

  // In one process no service can be down.
  if (shape === "split") {
    test("without the service friends are still shown, and sending says so at once", async () => {
      const [ada, ben] = await two();
      await befriend(ada, ben);
      await server.deployment.programOf("message").kill();
      const token = ada.session.accessToken;
      const list = ok(
        await classicClient(() => server.origin).get("/relation/friend/list/", { token, user_id: ada.id }),
      );
      expect(list.user_list).toMatchObject([{ id: Number(ben.id) }]);
      const refusal = await until("the refusal", async () => {
        const answer = await write(ada, ben, "x");
        return answer.status === 503 && answer;
      });
      expectProblem(refusal, 503, "MESSAGE_UNAVAILABLE");
      await server.deployment.restart("message");
      await until("sending again", async () => (await write(ada, ben, "x")).status === 201);
    });
  }
});
