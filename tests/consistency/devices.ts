import { EventEmitter, once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { WebSocket } from "ws";
import { type Answer, createRealtimeClient, type Socket } from "#apps/web/src/realtime/client.ts";
import { noWants } from "#apps/web/src/realtime/live.ts";
import { createTimeline, type Entry, type Position } from "#apps/web/src/realtime/timeline.ts";
import type { Random } from "#platform/testing/random.ts";
import { body, type Page, type Schemas } from "../harness/http-client.ts";
import type { Person } from "../harness/scenario.ts";
import { until, within } from "../harness/within.ts";

/** What a device shows of the conversations of its owner. */
export interface Shown {
  /** Texts by conversation, in the order of ids. */
  messages: Record<string, string[]>;
  /** Up to which message somebody has read, by `${conversation} ${reader}`; what is there from the start is not known. */
  reads: Record<string, string>;
}

const restMs = 40;
const answerMs = 2_000;
const perPage = 50;
/** A device that is silent for some time, as in a tunnel or at night. */
const longestSleepMs = 1_500;

/**
 * A device with the client that browsers use: what it shows comes from its timeline, and from lists only when it is told
 * that its position is of no use. It sends at random, loses its line, sleeps, and comes back through any gateway.
 */
export function device(owner: Person, name: string, origins: () => string[], random: Random) {
  const messages = new Map<string, Map<string, string>>();
  const reads = new Map<string, string>();
  const problems: string[] = [];
  /** What was sent and has not been acknowledged, by key. */
  const unsent = new Map<string, { to: string; text: string }>();
  const acknowledged: string[] = [];
  /** The one that takes frames. */
  let welcomed: WebSocket | undefined;
  let opened: WebSocket | undefined;
  let fetching: Promise<void> = Promise.resolve();
  let fetched: Position | undefined;
  let client: ReturnType<typeof createRealtimeClient> | undefined;
  /** Told the keys of messages that the connection has answered. */
  const answers = new EventEmitter();
  /** Of those that acknowledge nothing. */
  let lastAnswer = "";
  let texts = 0;
  let resyncs = 0;

  function put(conversationId: string, id: string, text: string): void {
    const its = messages.get(conversationId) ?? new Map<string, string>();
    messages.set(conversationId, its.set(id, text));
  }
  function acknowledge(key: string): void {
    const sent = unsent.get(key);
    if (unsent.delete(key)) acknowledged.push(sent!.text);
  }
  const timeline = createTimeline({
    entries(entries: readonly Entry[]) {
      for (const { message, read, idempotencyKey } of entries) {
        if (message) {
          // The lists that are fetched after a resync may have it already; the timeline gives nothing twice.
          put(message.conversationId, message.id, message.text);
          if (idempotencyKey) acknowledge(idempotencyKey);
        }
        if (read) reads.set(`${read.conversationId} ${read.readerId}`, read.upTo);
      }
    },
    resync(position) {
      resyncs++;
      // The position first and the lists after it, so that nothing falls in between.
      fetching = fetching.then(async () => {
        while (fetched !== position) {
          await fetchAll().then(
            () => {
              fetched = position;
            },
            () => delay(restMs),
          );
        }
      });
    },
  });

  async function fetchAll(): Promise<void> {
    for (const { id: peerId } of await conversations())
      for (const { id, content } of await conversation(peerId)) put(peerId, id, content);
  }
  const conversations = () => all<Schemas["Conversation"]>("/conversations", "cursor");
  const conversation = (id: string) => all<Schemas["Message"]>(`/conversations/${id}/messages`, "before");
  async function all<T>(path: string, cursorName: string): Promise<T[]> {
    const items: T[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const query = new URLSearchParams({ limit: String(perPage), ...(cursor && { [cursorName]: cursor }) });
      const page: Page<T> = body(await owner.get<Page<T>>(`${path}?${query}`));
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return items;
  }

  function open(): Socket {
    const socket = new WebSocket(`${random.of(origins()).replace("http", "ws")}/api/v1/realtime`, "douya.1");
    opened = socket;
    socket.on("error", () => {});
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      if (frame.type === "welcome") welcomed = socket;
      if (frame.type === "sent") acknowledge(frame.idempotencyKey);
      if (frame.type === "bye" || frame.type === "refused") lastAnswer = String(data);
      if (frame.type === "sent" || frame.type === "refused") answers.emit(frame.idempotencyKey);
      if (frame.reason === "FRAME_INVALID") problems.push(`${name} of ${owner.username}: ${data}`);
    });
    return socket as unknown as Socket;
  }
  function wake(): void {
    client ??= createRealtimeClient({
      timeline,
      news: { online() {}, live() {}, line() {} },
      wants: () => noWants,
      open: async () => open(),
      async poll(position, signal) {
        const query = position
          ? `?${new URLSearchParams({ epoch: position.epoch, after: position.seq })}`
          : "";
        const answer = await fetch(`${random.of(origins())}/api/v1/realtime/entries${query}`, {
          headers: { authorization: `Bearer ${owner.session.accessToken}`, prefer: "wait=1" },
          signal,
        });
        if (!answer.ok) throw new Error(await answer.text());
        return (await answer.json()) as Answer;
      },
      token: async () => owner.session.accessToken,
      random: random.next,
    });
  }
  function sleep(): void {
    client?.stop();
    client = undefined;
  }

  /** Once, with the key of all tries. Whether it came through is seen by what is acknowledged. */
  async function send([key, { to, text }]: [string, { to: string; text: string }]): Promise<void> {
    if (welcomed?.readyState === WebSocket.OPEN && random.chance(0.6)) {
      const answered = once(answers, key, { signal: AbortSignal.timeout(answerMs) });
      welcomed.send(JSON.stringify({ type: "send", idempotencyKey: key, conversationId: to, text }));
      // A line may be lost with the answer.
      await answered.catch(() => {});
      return;
    }
    const json = { content: text, idempotencyKey: key };
    const answer = await owner.post(`/conversations/${to}/messages`, { json }).catch(() => undefined);
    lastAnswer = answer?.text ?? "none";
    if (answer?.status === 201) acknowledge(key);
    else if (answer && answer.status < 500 && answer.status !== 429) problems.push(`${text}: ${answer.text}`);
  }

  async function readSome(): Promise<void> {
    const [conversationId, its] = random.of([...messages, ["", new Map<string, string>()]]);
    const id = [...its.keys()].at(-1);
    if (id !== undefined)
      await owner.put(`/conversations/${conversationId}/read`, { json: { upTo: id } }).catch(() => {});
  }

  wake();
  return {
    owner,
    name,
    problems,
    acknowledged,
    resyncs: () => resyncs,
    lastAnswer: () => lastAnswer,
    /** Writes to its owner's friends, reads, and is sometimes away. */
    async act(goesOn: () => boolean, friends: Person[]): Promise<void> {
      while (goesOn()) {
        const dice = random.next();
        if (dice < 0.35) {
          const to = random.of(friends).id;
          const text = `${owner.username}-${name}-${++texts}`;
          unsent.set(text, { to, text });
        } else if (dice < 0.45) await readSome();
        else if (dice < 0.5) opened?.terminate();
        else if (dice < 0.55) {
          sleep();
          await delay(random.below(longestSleepMs));
          wake();
        } else if (dice < 0.57) client?.wake();
        for (const one of [...unsent].slice(0, 3)) await send(one);
        await delay(restMs);
      }
    },
    /** Awake, and tries again what has not been acknowledged. Resolves when there is nothing. */
    async settle(): Promise<void> {
      wake();
      await until(`${owner.username}, ${name}: everything is acknowledged`, async () => {
        for (const one of unsent) await send(one);
        if (unsent.size > 0) throw new Error(`${unsent.size} messages are not: ${lastAnswer}`);
        return true;
      });
      await within(fetching, () => `${owner.username}, ${name}: the lists cannot be read`);
    },
    shown(): Shown {
      const inOrder = (its: Map<string, string>) =>
        [...its].sort(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1)).map(([, text]) => text);
      return {
        messages: Object.fromEntries([...messages].map(([id, its]) => [id, inOrder(its)])),
        reads: Object.fromEntries(reads),
      };
    },
    /** As somebody sees it who fetches everything. */
    async fetched(): Promise<Shown["messages"]> {
      const found: Shown["messages"] = {};
      for (const { id: peerId } of await conversations())
        found[peerId] = (await conversation(peerId))
          .sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? -1 : 1))
          .map(({ content }) => content);
      return found;
    },
    position: timeline.position,
    sleep,
  };
}
