import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Problem } from "../api/problem.ts";
import type { Message, User } from "../api/types.ts";
import { createOutbox, type Outgoing } from "./outbox.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const settled = () => vi.advanceTimersByTimeAsync(0);
const message = (content: string) => ({ id: "1", content }) as Message;

/** A browser's storage, and a server that answers as it is told. */
function browser() {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  const sent: Outgoing[] = [];
  const givenBack: string[] = [];
  let user: User | null = { id: "7" } as User;
  const listeners: (() => void)[] = [];
  let answer: (outgoing: Outgoing) => Promise<Message> = async ({ content }) => message(content);
  return {
    sent,
    givenBack,
    answerWith(next: typeof answer) {
      answer = next;
    },
    logIn(next: User | null) {
      user = next;
      for (const listener of listeners) listener();
    },
    open: () =>
      createOutbox({
        storage,
        session: { user: () => user, subscribe: (listener) => listeners.push(listener) as never },
        send(outgoing) {
          sent.push(outgoing);
          return answer(outgoing);
        },
        onSent() {},
        giveBack: (_peerId, content) => givenBack.push(content),
      }),
  };
}
const contents = (all: readonly Outgoing[]) => all.map(({ content }) => content);
const away = () => Promise.reject(new Problem(0));

it("sends in the order of writing, one after the other, and to others meanwhile", async () => {
  const { open, sent, answerWith } = browser();
  const answers: (() => void)[] = [];
  answerWith(({ content }) => new Promise((resolve) => answers.push(() => resolve(message(content)))));
  const outbox = open();
  outbox.add("1", "one");
  outbox.add("1", "two");
  outbox.add("2", "other");
  await settled();
  expect(contents(sent)).toEqual(["one", "other"]);
  expect(contents(outbox.waiting("1"))).toEqual(["one", "two"]);
  answers[0]!();
  await settled();
  expect(contents(sent)).toEqual(["one", "other", "two"]);
  for (const arrive of answers) arrive();
  await settled();
  expect([outbox.waiting("1"), outbox.waiting("2")]).toEqual([[], []]);
});

it("sends again what failed, with the same key: after a while, or as soon as the network is back", async () => {
  const { open, sent, answerWith } = browser();
  answerWith(away);
  const outbox = open();
  outbox.add("1", "one");
  outbox.add("1", "two");
  await settled();
  expect(outbox.waiting("1").map(({ failed }) => failed)).toEqual([true, true]);
  await vi.advanceTimersByTimeAsync(60_000);
  const tries = sent.length;
  expect(tries).toBeGreaterThan(2);
  answerWith(async ({ content }) => message(content));
  outbox.wake();
  await settled();
  expect(contents(sent.slice(tries))).toEqual(["one", "two"]);
  expect(new Set(sent.map(({ key }) => key)).size).toBe(2);
  expect(outbox.waiting("1")).toEqual([]);
});

it("keeps what is not sent over a reload and a login of somebody else", async () => {
  const { open, sent, answerWith, logIn } = browser();
  answerWith(away);
  open().add("1", "one");
  await settled();
  const [first] = sent;
  const outbox = open();
  expect(contents(outbox.waiting("1"))).toEqual(["one"]);
  answerWith(async ({ content }) => message(content));
  logIn(null);
  expect(outbox.waiting("1")).toEqual([]);
  logIn({ id: "7" } as User);
  await settled();
  expect(sent.at(-1)!.key).toBe(first!.key);
  expect(outbox.waiting("1")).toEqual([]);
  expect(contents(open().waiting("1"))).toEqual([]);
});

it("does not send by itself what is so old that it could come twice", async () => {
  const { open, sent, answerWith } = browser();
  answerWith(away);
  open().add("1", "one");
  await settled();
  const tries = sent.length;
  vi.clearAllTimers();
  vi.setSystemTime(Date.now() + 8 * 24 * 3_600_000);
  answerWith(async ({ content }) => message(content));
  const outbox = open();
  await settled();
  expect(sent).toHaveLength(tries);
  expect(outbox.waiting("1")).toMatchObject([{ content: "one", failed: true }]);
  outbox.again("1");
  await settled();
  expect(outbox.waiting("1")).toEqual([]);
});

it("gives back all that is refused, goes on with the rest, and forgets the refusal with the next that is taken", async () => {
  const { open, answerWith, givenBack } = browser();
  answerWith(({ content }) =>
    content.startsWith("no")
      ? Promise.reject(new Problem(403, { reason: "STRANGER_LIMIT" }))
      : Promise.resolve(message(content)),
  );
  const outbox = open();
  outbox.add("1", "no");
  outbox.add("1", "no more");
  await settled();
  expect(givenBack).toEqual(["no", "no more"]);
  expect(outbox.refused("1")).toMatchObject({ problem: { reason: "STRANGER_LIMIT" } });
  expect(outbox.waiting("1")).toEqual([]);
  outbox.add("1", "yes");
  await settled();
  expect(outbox.refused("1")).toBeUndefined();
});

it("sends nothing that was deleted or sent in another tab, and leaves alone what others at this browser keep", async () => {
  const { open, sent, answerWith, logIn } = browser();
  answerWith(away);
  const one = open();
  one.add("1", "deleted");
  one.add("1", "kept");
  await settled();
  const two = open();
  await settled();
  one.drop(one.waiting("1")[0]!.key);
  answerWith(async ({ content }) => message(content));
  const tries = sent.length;
  two.wake();
  await settled();
  expect(contents(sent.slice(tries))).toEqual(["kept"]);
  answerWith(away);
  one.add("1", "hers");
  await settled();
  logIn({ id: "8" } as User);
  one.arrived("x");
  one.clear();
  logIn({ id: "7" } as User);
  await settled();
  expect(contents(open().waiting("1"))).toEqual(["hers"]);
  one.clear();
  expect(contents(open().waiting("1"))).toEqual([]);
});

it("is told by the timeline that a message has arrived although no answer came", async () => {
  const { open, sent, answerWith } = browser();
  answerWith(away);
  const outbox = open();
  outbox.add("1", "one");
  await settled();
  outbox.arrived(sent[0]!.key);
  expect(outbox.waiting("1")).toEqual([]);
  const tries = sent.length;
  await vi.advanceTimersByTimeAsync(600_000);
  expect(sent).toHaveLength(tries);
});
