import { describe, expect, test } from "vitest";
import { classicClient, digits, ok, refused } from "./harness/classic-client.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

type Message = Schemas["Message"];
type Conversation = Schemas["Conversation"];

describe.each(shapes)("messages, %s", (shape) => {
  const server = scenario(shape);

  const write = (from: Person, to: { id: string }, content: string, key?: string) =>
    from.post<Message>(`/conversations/${to.id}/messages`, { json: { content, key } });
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
      expect(await read(me, peer)).toEqual({ items: [first, second], nextCursor: null });
  });
});
