import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { MessageSentSchema } from "#contracts/gen/message_events_pb.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { migrate } from "#platform/db/migrate.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { createEvents } from "#platform/events/events.ts";
import { migrations as eventMigrations } from "#platform/events/migrations.ts";
import { createSnowflake, maxId, timeOfId } from "#platform/ids/snowflake.ts";
import { migrations as leaseMigrations } from "#platform/lease/migrations.ts";
import { startLease } from "#platform/lease/process-lease.ts";
import { createLog } from "#platform/observe/log.ts";
import fc from "#platform/testing/property.ts";
import { createTestDatabaseFrom, type TestDatabase } from "#platform/testing/test-database.ts";
import type { MessageRow } from "./message-row.ts";
import { migrations } from "./migrations.ts";
import { conversationKey } from "./pairs.ts";
import { maxStrangerMessages } from "./rules.ts";
import { type SendCommand, sendStore } from "./send-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";

const log = createLog("silent");
let testDatabase: TestDatabase;
let processes: ReturnType<typeof openProcess>[];

beforeAll(async () => {
  testDatabase = await createTestDatabaseFrom("message_1_lease", async (url) => {
    const fresh = openDatabase(url, { log });
    await migrate(fresh, "lease", leaseMigrations);
    await migrate(fresh, "events", eventMigrations);
    await migrate(fresh, "message", migrations);
    await fresh.close();
  });
  // The second process has a clock that is behind.
  processes = [openProcess(1, 0), openProcess(2, -5_000)];
});
afterAll(async () => {
  await Promise.all(processes.map((one) => one.close()));
  await testDatabase.drop();
});
beforeEach(empty);

/** What a process has: its pool, its node number, its clock. */
function openProcess(node: number, clockMs: number) {
  const database: Database = openDatabase(testDatabase.url, { log });
  const db = database.of<Tables>("message");
  const ids = createSnowflake({ node, floorMs: 0, nowMs: () => Date.now() + clockMs });
  const lease = startLease(database.pool, { log });
  const events = createEvents({ databases: [{ database, lease }], databaseOf: () => database, log });
  const sendAll = sendStore(db, ids, events.of("message"), () => {});
  const store = messageStore(db);
  const send = createBatcher(sendAll, {
    conflict: (command) => conversationKey(command.senderId, command.receiverId),
  });
  const markRead = createBatcher(
    (commands: Parameters<typeof store.markRead>[0]) => store.markRead(commands),
    {
      conflict: (command) => `${command.userId} ${command.peerId}`,
    },
  );
  const close = async () => {
    await events.stop();
    await lease.release();
    await database.close();
  };
  return { database, close, sendAll, send, markRead, store };
}

async function empty() {
  await processes[0]!.database.pool.query(
    "truncate message.conversation, message.message, message.person, message.timeline, events.log",
  );
}

const command = (senderId: string, receiverId: string, more: Partial<SendCommand> = {}): SendCommand => ({
  senderId,
  receiverId,
  content: "hello",
  key: undefined,
  friends: false,
  traceId: "",
  ...more,
});
const sentOf = (outcomes: (MessageRow | DomainError)[]) =>
  outcomes.filter((outcome): outcome is MessageRow => !(outcome instanceof DomainError));
const ascending = (ids: string[]) => ids.every((id, i) => i === 0 || timeOfId(ids[i - 1]!) < timeOfId(id));
const all = { beforeId: maxId.toString() };

test("who reads on looks at what lies between the old mark and the new one, and at nothing behind it", async () => {
  const { sendAll, markRead, store, database } = processes[0]!;
  const sent: string[] = [];
  for (let i = 0; i < 6; i++) {
    const [row] = sentOf(await sendAll([command("1", "2", { friends: true })]));
    sent.push(row!.id);
  }
  // What is not there any more cannot be counted.
  await database.pool.query(`delete from message.message where id in (${sent[3]}, ${sent[4]})`);
  await markRead({ userId: "2", peerId: "1", upToId: sent[1]! });
  expect(await store.unread(["2"])).toEqual([4]);
  await markRead({ userId: "2", peerId: "1", upToId: sent[2]! });
  expect(await store.unread(["2"])).toEqual([3]);
  await markRead({ userId: "2", peerId: "1", upToId: sent[5]! });
  expect(await store.unread(["2"])).toEqual([0]);
});

describe("a random history", () => {
  const people = ["1", "2", "3"];
  const pair = fc
    .uniqueArray(fc.constantFrom(...people), { minLength: 2, maxLength: 2 })
    .map(([one, other]) => ({ userId: one!, peerId: other! }));
  const sends = fc.uniqueArray(
    fc.record({
      pair,
      friends: fc.boolean(),
      key: fc.option(fc.constantFrom("a", "b"), { nil: undefined }),
    }),
    { minLength: 1, selector: ({ pair }) => conversationKey(pair.userId, pair.peerId) },
  );
  const read = fc.record({ pair, place: fc.double({ min: 0, max: 1.2, noNaN: true }) });
  const step = fc.oneof({ weight: 3, arbitrary: sends }, { weight: 1, arbitrary: read });

  test("is answered and counted as a naive one", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        await empty();
        const { sendAll, store } = processes[0]!;
        const messages: (SendCommand & { id: string })[] = [];
        const readUpTo = new Map<string, bigint>();
        const between = (one: string, other: string) =>
          messages.filter(
            (message) =>
              conversationKey(message.senderId, message.receiverId) === conversationKey(one, other),
          );
        const naiveSend = (sent: SendCommand): string | undefined => {
          const { senderId, receiverId, key, friends } = sent;
          const known = messages.find(
            (one) => one.senderId === senderId && one.receiverId === receiverId && one.key === key && key,
          );
          if (known) return known.id;
          const answered = between(senderId, receiverId).some((one) => one.senderId === receiverId);
          const asStranger = between(senderId, receiverId).filter((one) => !one.friends);
          return friends || answered || asStranger.length < maxStrangerMessages ? "new" : undefined;
        };
        for (const step of steps) {
          if (Array.isArray(step)) {
            const commands = step.map(({ pair, friends, key }, i) =>
              command(pair.userId, pair.peerId, { friends, key, content: `${messages.length} ${i}` }),
            );
            const expected = commands.map(naiveSend);
            const outcomes = await sendAll(commands);
            for (const [i, outcome] of outcomes.entries()) {
              if (outcome instanceof DomainError)
                expect([expected[i], outcome.reason]).toEqual([undefined, "STRANGER_LIMIT"]);
              else if (expected[i] === "new") messages.push({ ...commands[i]!, id: outcome.id });
              else expect(outcome.id).toBe(expected[i]);
            }
          } else {
            const { userId, peerId } = step.pair;
            const there = between(userId, peerId);
            const last = BigInt(there.at(-1)?.id ?? 0);
            const upTo = BigInt(there[Math.floor(step.place * there.length)]?.id ?? last + 5n);
            await store.markRead([{ userId, peerId, upToId: upTo.toString() }]);
            const key = `${userId} ${peerId}`;
            const position = upTo < last ? upTo : last;
            if (position > (readUpTo.get(key) ?? 0n)) readUpTo.set(key, position);
          }
        }
        for (const userId of people) {
          const unreadFrom = (peerId: string) =>
            between(userId, peerId).filter(
              (one) =>
                one.senderId === peerId && BigInt(one.id) > (readUpTo.get(`${userId} ${peerId}`) ?? 0n),
            ).length;
          const peers = people.filter((one) => one !== userId);
          const naive = peers
            .flatMap((peerId) => {
              const latest = between(userId, peerId).at(-1);
              const read_id = (readUpTo.get(`${userId} ${peerId}`) ?? 0n).toString();
              return latest
                ? [
                    {
                      peer_id: peerId,
                      unread: unreadFrom(peerId),
                      read_id,
                      id: latest.id,
                      content: latest.content,
                    },
                  ]
                : [];
            })
            .sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? 1 : -1));
          const found = await store.conversations(userId, maxId.toString(), 10);
          expect(found).toEqual(naive.map((one) => expect.objectContaining(one)));
          const total = peers.map(unreadFrom).reduce((sum, count) => sum + count, 0);
          expect(await store.unread([userId])).toEqual([total]);
          for (const peerId of peers) {
            const ids = between(userId, peerId).map((one) => one.id);
            const stored = await store.messages({ userId, peerId }, all, 100);
            expect(stored.map((row) => row.id)).toEqual(ids);
            expect(ascending(ids)).toBe(true);
            const [latest] = await store.latest([{ userId, peerId }]);
            expect(latest?.id).toBe(ids.at(-1));
          }
        }
        const { rows } = await processes[0]!.database.pool.query<{ key: string; payload: Buffer }>(
          "select key, payload from events.log where type = 'message.sent.v1' order by position",
        );
        const told = rows.map(({ key, payload }) => ({ key, ...fromBinary(MessageSentSchema, payload) }));
        expect(told).toEqual(
          messages.map(({ id, senderId, receiverId }) =>
            expect.objectContaining({
              key: conversationKey(senderId, receiverId),
              messageId: id,
              senderId,
              receiverId,
              atMs: timeOfId(id),
            }),
          ),
        );
      }),
      { numRuns: 10 },
    );
  });
});

describe("pages", () => {
  test("in both directions neither repeat nor skip, whatever their size", async () => {
    const { sendAll, store } = processes[0]!;
    const ids: string[] = [];
    for (let i = 0; i < 12; i++) {
      const [sent] = sentOf(
        await sendAll([command(i % 2 ? "1" : "2", i % 2 ? "2" : "1", { friends: true })]),
      );
      ids.push(sent!.id);
      await sendAll([command("1", "3", { friends: true })]);
    }
    const pair = { userId: "2", peerId: "1" };
    for (let limit = 1; limit <= 13; limit++) {
      const back: string[] = [];
      let beforeId = maxId.toString();
      for (;;) {
        const page = await store.messages(pair, { beforeId }, limit);
        if (page.length === 0) break;
        back.unshift(...page.map((row) => row.id));
        beforeId = page[0]!.id;
      }
      expect(back).toEqual(ids);
      const forth: string[] = [];
      for (;;) {
        const page = await store.messages(pair, { afterId: forth.at(-1) ?? "0" }, limit);
        if (page.length === 0) break;
        forth.push(...page.map((row) => row.id));
      }
      expect(forth).toEqual(ids);
    }
  });

  test("of conversations follow their latest messages", async () => {
    const { sendAll, store } = processes[0]!;
    for (const peer of ["12", "5", "30", "7", "9"]) await sendAll([command(peer, "10")]);
    const seen: string[] = [];
    let before = maxId.toString();
    for (;;) {
      const page = await store.conversations("10", before, 2);
      if (page.length === 0) break;
      seen.push(...page.map((row) => row.peer_id));
      before = page.at(-1)!.id;
    }
    expect(seen).toEqual(["9", "7", "30", "5", "12"]);
  });
});

describe("what is refused changes nothing", () => {
  const rows = async () => {
    const { pool } = processes[0]!.database;
    const tables = ["conversation", "message", "person"].map((table) => `message.${table}`);
    const all = await Promise.all(
      [...tables, "events.log"].map((table) => pool.query(`select t.* from ${table} t order by t::text`)),
    );
    return all.map((found) => found.rows);
  };
  const limit: SendCommand[] = Array.from({ length: maxStrangerMessages }, () => command("1", "2"));

  test.each([
    ["USER_BLOCKED, in a new conversation", [], command("1", "2", { blocked: true })],
    ["BLOCKED_BY_USER, in a new conversation", [], command("1", "2", { blockedBy: true, friends: true })],
    ["USER_BLOCKED, in one that exists", [command("1", "2")], command("2", "1", { blocked: true })],
    [
      "BLOCKED_BY_USER, in one that exists",
      [command("2", "1")],
      command("2", "1", { blockedBy: true, key: "k" }),
    ],
    ["STRANGER_LIMIT, in one that exists", limit, command("1", "2", { key: "k" })],
  ])("%s", async (what, before, refused) => {
    const { sendAll } = processes[0]!;
    for (const earlier of before) expect(sentOf(await sendAll([earlier]))).toHaveLength(1);
    const found = await rows();
    expect(await sendAll([refused])).toMatchObject([{ reason: what.split(",")[0] }]);
    expect(await rows()).toEqual(found);
    // The others of its batch are sent.
    const outcomes = await sendAll([refused, command("1", "3")]);
    expect(sentOf(outcomes)).toMatchObject([{ receiver_id: "3" }]);
  });
});

describe("two processes at once", () => {
  const both = <T>(count: number, work: (process: (typeof processes)[number], i: number) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, i) => work(processes[i % 2]!, i)));

  test("let 3 messages to a stranger through, and the rest after the answer", async () => {
    const strangers = Array.from({ length: 20 }, (_, i) => String(10 + i));
    for (const receiver of strangers) {
      const sent = await both(8, ({ send }) => send(command("1", receiver)));
      expect(sentOf(sent)).toHaveLength(maxStrangerMessages);
    }
    for (const receiver of strangers) {
      expect(sentOf(await both(4, ({ send }) => send(command(receiver, "1"))))).toHaveLength(4);
      expect(sentOf(await both(4, ({ send }) => send(command("1", receiver))))).toHaveLength(4);
    }
  });

  test("make one message of one key", async () => {
    const outcomes = sentOf(
      await both(20, ({ send }, i) => send(command("1", "2", { key: "k", content: `${i}` }))),
    );
    expect(outcomes).toHaveLength(20);
    expect(new Set(outcomes.map((row) => `${row.id} ${row.content}`)).size).toBe(1);
    // Within one sender and one conversation.
    const others = sentOf([
      await processes[0]!.send(command("2", "1", { key: "k" })),
      await processes[0]!.send(command("1", "3", { key: "k" })),
    ]);
    expect(new Set([...outcomes, ...others].map((row) => row.id)).size).toBe(3);
    expect(await processes[0]!.store.unread(["1", "2", "3"])).toEqual([1, 1, 1]);
  });

  test("give ids in the order in which messages appear: a reader that continues misses none", async () => {
    const { store } = processes[0]!;
    const read: MessageRow[] = [];
    let writing = true;
    const reader = (async () => {
      for (;;) {
        const last = !writing;
        const page = await store.messages(
          { userId: "2", peerId: "1" },
          { afterId: read.at(-1)?.id ?? "0" },
          7,
        );
        read.push(...page);
        if (last && page.length === 0) return;
      }
    })();
    const count = 120;
    const sent = await both(count, ({ send }, i) =>
      send(
        i % 3
          ? command("1", "2", { friends: true, content: `${i}` })
          : command("2", "1", { friends: true, content: `${i}` }),
      ),
    );
    writing = false;
    await reader;
    const ids = sentOf(sent).map((row) => row.id);
    expect(read).toHaveLength(count);
    expect(new Set(read.map((row) => row.id))).toEqual(new Set(ids));
    expect(ascending(read.map((row) => row.id))).toBe(true);
    expect(new Set(ids).size).toBe(count);
  });

  test("that hold many conversations in different orders do not block each other", async () => {
    const commands = Array.from({ length: 500 }, (_, i) => command("1", String(10 + i)));
    const [there, back] = await Promise.all([
      processes[0]!.sendAll(commands),
      processes[1]!.sendAll([...commands].reverse()),
    ]);
    expect(sentOf([...there, ...back])).toHaveLength(1000);
  });

  test("in many conversations neither deadlock nor miscount", async () => {
    let count = 0;
    for (let round = 0; round < 8; round++) {
      const people = ["1", "2", "3", "4", "5", "6"].map((one) => `${round + 1}${one}`);
      const pairs = people.flatMap((one) =>
        people.flatMap((other) => (one === other ? [] : [[one, other] as const])),
      );
      const work = [...pairs, ...pairs];
      count += work.length;
      await both(work.length, async (process, i) => {
        const [one, other] = work[i]!;
        const sent = await process.send(command(one, other, { friends: true }));
        if (i % 4 === 0 && !(sent instanceof DomainError))
          await process.markRead({ userId: other, peerId: one, upToId: sent.id });
      });
    }
    const { rows } = await processes[0]!.database.pool.query<{ wrong: string; messages: string }>(`
      select (select count(*) from message.message) as messages, (
        select count(*) from message.conversation c where c.unread <> (
          select count(*) from message.message m
          where m.low_id = least(c.user_id, c.peer_id) and m.high_id = greatest(c.user_id, c.peer_id)
            and m.sender_id = c.peer_id and m.id > c.read_id)
      ) + (
        select count(*) from message.person p where p.unread <> (
          select sum(c.unread) from message.conversation c where c.user_id = p.user_id)
      ) as wrong`);
    expect(rows[0]).toEqual({ wrong: "0", messages: String(count) });
  });
});
