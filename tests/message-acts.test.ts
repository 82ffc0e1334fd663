import { describe, expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { classicClient, ok } from "./harness/classic-client.ts";
import { shapes } from "./harness/deployment.ts";
import { friendsAt } from "./harness/friends.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

type Message = Schemas["Message"];
type Conversation = Schemas["Conversation"];
interface Entry {
  seq: string;
  kind: string;
  message?: Omit<Message, "receiverId" | "content"> & { conversationId: string; text: string };
  hidden?: { conversationId: string; messageId: string };
}
type Told = { epoch: string; seq: string; recovered: boolean; entries: Entry[] };

describe.each(shapes)("what one can do with messages, %s", (shape) => {
  const server = scenario(shape);

  const send = (from: Person, to: Person, more: object) =>
    from.post<Message>(`/conversations/${to.id}/messages`, { json: { content: "hello", ...more } });
  const sent = async (from: Person, to: Person, more: object = {}) => body(await send(from, to, more), 201);
  const list = async (me: Person, peer: Person) =>
    body(await me.get<Page<Message>>(`/conversations/${peer.id}/messages?limit=100`)).items;
  const conversations = async (me: Person) => body(await me.get<Page<Conversation>>("/conversations")).items;
  const unread = async (me: Person) => body(await me.get<{ messages: number }>("/me/unread")).messages;
  const at = (peer: Person, id: string, rest = "") => `/conversations/${peer.id}/messages/${id}${rest}`;
  const reaction = (emoji: string) => `/reactions/${encodeURIComponent(emoji)}`;
  const entriesAfter = async (me: Person, { epoch, seq }: { epoch: string; seq: string }) =>
    body(await me.get<Told>(`/realtime/entries?epoch=${epoch}&after=${seq}`));
  /** Without notifications, of who follows: they come when they come. */
  const told = async (me: Person, position: { epoch: string; seq: string }): Promise<Told> => {
    const answer = await entriesAfter(me, position);
    const entries = answer.entries.filter(({ kind }) => kind !== "notification" && kind !== "removed");
    const isAll = entries.length > 0 || answer.entries.length === 0;
    return isAll ? { ...answer, entries } : told(me, answer);
  };
  /** So many, which may come one by one. */
  const toldAll = async (me: Person, position: { epoch: string; seq: string }, count: number) => {
    const all: Told["entries"] = [];
    for (let at = position; all.length < count; ) {
      const answer = await told(me, at);
      all.push(...answer.entries);
      at = answer;
    }
    return all;
  };
  const position = async (me: Person) => body(await me.get<Told>("/realtime/entries"));
  const friends = () => friendsAt(server);

  test("an answer shows what it answers, as that is now", async () => {
    const [ada, ben] = await friends();
    const first = await sent(ada, ben, { content: `one ${"x".repeat(500)}` });
    const second = await sent(ben, ada, { content: "two", replyTo: first.id });
    const text = first.content.slice(0, 200);
    expect(second.replyTo).toEqual({ id: first.id, senderId: ada.id, text });
    expect(await list(ada, ben)).toEqual([first, second]);
    body(await ada.put(at(ben, first.id, "/recalled")), 204);
    expect((await list(ben, ada))[1]!.replyTo).toEqual({
      ...{ id: first.id, senderId: ada.id, text: "", recalled: true },
    });
    body(await ben.delete(at(ada, first.id)), 204);
    expect((await list(ben, ada))[0]!.replyTo).toEqual({ id: first.id, text: "" });
    expectProblem(await send(ben, ada, { replyTo: first.id }), 404, "MESSAGE_NOT_FOUND");
  });

  test("who is blocked does not hear what the other reads", async () => {
    const [ada, ben] = await friends();
    const first = await sent(ada, ben);
    const second = await sent(ada, ben);
    const from = await position(ada);
    const read = async ({ id }: Message) =>
      body(await ben.put(`/conversations/${ada.id}/read`, { json: { upTo: id } }), 204);
    await read(first);
    body(await ben.put(`/users/${ada.id}/block`), 204);
    await read(second);
    expect(await unread(ben)).toBe(0);
    body(await ben.delete(`/users/${ada.id}/block`), 204);
    await sent(ben, ada);
    expect((await toldAll(ada, from, 2)).map(({ kind }) => kind)).toEqual(["read", "message"]);
  });

  test("emojis are counted, told to both while it happens, and listed with who put them", async () => {
    const [ada, ben] = await friends();
    const { id } = await sent(ada, ben);
    const from = await position(ada);
    const waiting = told(ada, from);
    body(await ben.put(at(ada, id, reaction("👍"))), 204);
    const { entries, seq } = await waiting;
    const one = { emoji: "👍", count: 1 };
    expect(entries).toMatchObject([
      { kind: "changed", message: { id, conversationId: ben.id, reactions: [{ ...one, own: false }] } },
    ]);
    // The same once more changes nothing.
    body(await ben.put(at(ada, id, reaction("👍"))), 204);
    body(await ada.put(at(ben, id, reaction("❤"))), 204);
    expect((await told(ada, { ...from, seq })).entries).toHaveLength(1);
    expect((await list(ben, ada))[0]!.reactions).toEqual([
      { ...one, own: true },
      { emoji: "❤️", count: 1, own: false },
    ]);
    type Reactions = Page<{ user: { id: string }; emoji: string }>;
    const page = body(await ada.get<Reactions>(`${at(ben, id, "/reactions")}?limit=1`));
    const rest = body(
      await ada.get<Reactions>(`${at(ben, id, "/reactions")}?cursor=${encodeURIComponent(page.nextCursor!)}`),
    );
    expect([...page.items, ...rest.items].map(({ user, emoji }) => [user.id, emoji])).toEqual([
      [ben.id, "👍"],
      [ada.id, "❤️"],
    ]);
    expect(rest.nextCursor).toBeNull();
    for (const cursor of ["%00", "1-1-%00", `1-${ben.id}-%00`, "1"])
      expectProblem(await ada.get(`${at(ben, id, "/reactions")}?cursor=${cursor}`), 422, "CURSOR_INVALID");
    for (const emoji of ["👍", "🎉"]) body(await ben.delete(at(ada, id, reaction(emoji))), 204);
    expect((await list(ben, ada))[0]!.reactions).toHaveLength(1);
  });

  test("what is no emoji, one too many, or from somebody who is blocked, is refused by name", async () => {
    const [ada, ben] = await friends();
    const { id } = await sent(ada, ben);
    const put = (emoji: string) => ben.put(at(ada, id, reaction(emoji)));
    for (const emoji of ["a", "👍👍", "👍!", "1", " ", "\u202e", "😀\u0334\u0335", "😀".repeat(9)])
      expectProblem(await put(emoji), 422, "REACTION_INVALID");
    expectProblem(await put("x".repeat(65)), 422, "INVALID_ARGUMENT");
    for (const emoji of ["👩🏽‍❤️‍💋‍👨🏿", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "🇨🇳"]) body(await put(emoji), 204);
    expectProblem(await put("👍"), 409, "REACTIONS_TOO_MANY");
    body(await ben.delete(at(ada, id, reaction("🇨🇳"))), 204);
    body(await ada.put(`/users/${ben.id}/block`), 204);
    expectProblem(await put("👍"), 403, "BLOCKED_BY_USER");
  });

  test("what is taken back is gone for everybody, also from what they catch up on", async () => {
    const [ada, ben] = await friends();
    const from = await position(ben);
    const { id } = await sent(ada, ben, { content: "by mistake" });
    expectProblem(await ben.put(at(ada, id, "/recalled")), 403, "NOT_YOURS");
    for (let i = 0; i < 2; i++) body(await ada.put(at(ben, id, "/recalled")), 204);
    expect(await list(ben, ada)).toMatchObject([{ id, content: "", recalled: true }]);
    expect((await conversations(ben))[0]!.latest).toMatchObject({ id, recalled: true });
    expect(
      (await toldAll(ben, from, 2)).map(({ kind, message }) => [kind, message?.text, message?.recalled]),
    ).toEqual([
      ["message", "", true],
      ["changed", "", true],
    ]);
    expectProblem(await ben.put(at(ada, id, reaction("👍"))), 409, "MESSAGE_RECALLED");
    expectProblem(await send(ben, ada, { replyTo: id }), 409, "MESSAGE_RECALLED");
    const { message_list } = ok(
      await classicClient(() => server.origin).get("/message/chat/", {
        token: ben.session.accessToken,
        to_user_id: ada.id,
      }),
    );
    expect(message_list).toMatchObject([{ content: "[Message recalled]" }]);
  });

  test("what one removes for oneself is gone there only, from lists and counts", async () => {
    const [ada, ben] = await friends();
    const [one, two] = [await sent(ada, ben, { content: "one" }), await sent(ada, ben, { content: "two" })];
    const from = await position(ben);
    for (let i = 0; i < 2; i++) body(await ben.delete(at(ada, two.id)), 204);
    expect((await told(ben, from)).entries).toEqual([
      {
        ...{ seq: expect.any(String), at: expect.any(String), kind: "hidden", unread: 1 },
        hidden: { conversationId: ada.id, messageId: two.id },
      },
    ]);
    expect(await list(ben, ada)).toEqual([one]);
    expect(await list(ada, ben)).toEqual([one, two]);
    expect(await conversations(ben)).toMatchObject([{ unread: 1, latest: { id: one.id } }]);
    expect(await unread(ben)).toBe(1);
    body(await ben.delete(at(ada, one.id)), 204);
    expect([await conversations(ben), await unread(ben)]).toEqual([[], 0]);
    expectProblem(await ben.put(at(ada, one.id, reaction("👍"))), 404, "MESSAGE_NOT_FOUND");
  });

  test("a message of another conversation, or of nobody, is not there", async () => {
    const [[ada, ben], eve] = [await friends(), await server.register()];
    const { id } = await sent(ada, ben);
    for (const peer of [ada, ben]) {
      expectProblem(await eve.put(at(peer, id, reaction("👍"))), 404, "MESSAGE_NOT_FOUND");
      expectProblem(await eve.put(at(peer, id, "/recalled")), 404, "MESSAGE_NOT_FOUND");
      expectProblem(await eve.delete(at(peer, id)), 404, "MESSAGE_NOT_FOUND");
      expectProblem(await send(eve, peer, { replyTo: id }), 404, "MESSAGE_NOT_FOUND");
    }
    expectProblem(await ada.delete(at(ben, "9223372036854775807")), 404, "MESSAGE_NOT_FOUND");
    for (const bad of ["0", "x", "99999999999999999999"])
      expectProblem(await ada.delete(at(ben, bad)), 422, "INVALID_ARGUMENT");
  });

  test("whatever two people do, each device of theirs shows what the server has", async () => {
    const step = fc.record({
      who: fc.nat(1),
      what: fc.constantFrom(
        "send",
        "send",
        "reply",
        "react",
        "unreact",
        "recall",
        "hide",
        "read",
        "catch up",
        "open",
      ),
      which: fc.nat(1_000),
      device: fc.nat(3),
      emoji: fc.constantFrom("👍", "😂"),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 30, maxLength: 60 }), async (steps) => {
        const people = await friends();
        // Two devices of each.
        const devices = await Promise.all(
          [0, 1, 0, 1].map(async (i) => createDevice(people[i]!, people[1 - i]!)),
        );
        const ids: string[] = [];
        for (const { who, what, which, device, emoji } of steps) {
          const [me, peer] = [people[who]!, people[1 - who]!];
          if (what === "catch up") await devices[device]!.catchUp();
          else if (what === "open") await devices[device]!.open();
          else if (what === "send" || ids.length === 0) ids.push((await sent(me, peer)).id);
          else {
            const id = ids[which % ids.length]!;
            // What is refused changes nothing, and is as welcome.
            if (what === "reply") {
              const answer = await send(me, peer, { replyTo: id });
              if (answer.status === 201) ids.push(answer.body.id);
            }
            if (what === "react") await me.put(at(peer, id, reaction(emoji)));
            if (what === "unreact") await me.delete(at(peer, id, reaction(emoji)));
            if (what === "recall") await me.put(at(peer, id, "/recalled"));
            if (what === "hide") await me.delete(at(peer, id));
            if (what === "read") await me.put(`/conversations/${peer.id}/read`, { json: { upTo: id } });
          }
        }
        for (const device of devices) {
          await device.catchUp();
          expect(device.shown()).toEqual(await device.facts());
        }
      }),
      { numRuns: 4, endOnFailure: true },
    );
  });

  /** A device of a person, which takes the position first and the list after it, and then what it is told. */
  async function createDevice(me: Person, peer: Person) {
    const known = new Map<string, Message>();
    let now: { epoch: string; seq: string };
    async function open() {
      now = await position(me);
      known.clear();
      for (const message of await list(me, peer)) known.set(message.id, message);
    }
    function quoteAs(id: string, quote: NonNullable<Message["replyTo"]>) {
      for (const one of known.values())
        if (one.replyTo?.id === id) known.set(one.id, { ...one, replyTo: quote });
    }
    function apply({ message, hidden }: Entry) {
      if (message) {
        const { conversationId, text, ...rest } = message;
        const receiverId = message.senderId === me.id ? conversationId : me.id;
        known.set(message.id, { ...rest, receiverId, content: text });
        const { id, senderId, recalled } = message;
        quoteAs(id, { id, senderId, text, ...(recalled && { recalled }) });
      }
      if (hidden) {
        known.delete(hidden.messageId);
        quoteAs(hidden.messageId, { id: hidden.messageId, text: "" });
      }
    }
    await open();
    return {
      open,
      async catchUp() {
        // It may be beyond, by a notification that came meanwhile.
        for (const head = BigInt((await position(me)).seq); BigInt(now.seq) < head; ) {
          const answer = await entriesAfter(me, now);
          expect(answer.recovered).toBe(true);
          answer.entries.forEach(apply);
          now = { epoch: answer.epoch, seq: answer.seq };
        }
      },
      shown: () => [...known.values()].sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1)),
      facts: () => list(me, peer),
    };
  }
});
