import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Timeline, TimelineEntry } from "#contracts/gen/message_pb.ts";
import { timelineSignal, writeHeads } from "#contracts/timelines.ts";
import { createLog } from "#platform/observe/log.ts";
import { localSignals } from "#platform/signals/signals.ts";
import fc from "#platform/testing/property.ts";
import { createTimelineHub, type Position, type Receiver } from "./timeline-hub.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});
const settled = () => vi.advanceTimersByTimeAsync(1);
/** Waits for what needs turns of the event loop. */
async function done<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  const end = work.finally(() => {
    isDone = true;
  });
  while (!isDone) await settled();
  return end;
}
const call = { traceId: "0".repeat(32), deadlineMs: Number.POSITIVE_INFINITY };

/** A hub over timelines that the test writes, whose reads are answered when it says so. */
function setUp({ byHand = false, isShared = false, mostEntries = Number.POSITIVE_INFINITY } = {}) {
  const heads = new Map<string, number>();
  let epoch = "e";
  let away = false;
  let reads = 0;
  const held: (() => void)[] = [];
  const signals = { ...localSignals(), isShared: () => isShared };
  /** What the log tells next; undefined: that it is too much. */
  let logged: object[] | undefined = [];
  const read = ({ userId, epoch: of, seq }: Position & { userId: string }, limit: number): Timeline => {
    const head = heads.get(userId) ?? 0;
    const missed = head - Number(seq);
    const recovered = of === epoch && missed >= 0 && missed <= 300;
    const count = recovered ? Math.min(missed, limit) : 0;
    const entries = Array.from(
      { length: count },
      (_, i) => ({ seq: String(Number(seq) + 1 + i), what: {} }) as TimelineEntry,
    );
    return { epoch, seq: String(head), recovered, entries } as Timeline;
  };
  const hub = createTimelineHub(
    {
      async readTimelines({ after }: { after: (Position & { userId: string })[] }) {
        reads += after.length;
        if (away) throw new Error("away");
        const timelines = after.map((one) => read(one, Math.floor(300 / after.length)));
        const answered = timelines.reduce((sum, { entries }) => sum + entries.length, 0);
        if (answered > mostEntries) throw new Error("larger than a message can be");
        if (byHand) await new Promise<void>((resolve) => held.push(resolve));
        return { timelines };
      },
    } as never,
    signals,
    {
      async changesSince(_types: unknown, cursor: string) {
        // It cannot be followed from where there is too much either.
        if (!logged) return { events: undefined, cursor: "" };
        if (cursor === "") return { events: undefined, cursor: "1" };
        const events = logged.map((message) => ({ message }));
        logged = [];
        return { events, cursor };
      },
    } as never,
    createLog("silent"),
  );
  function receiver(userId: string, position: Position, room = Number.POSITIVE_INFINITY) {
    const heard: string[] = [];
    const own: Receiver & { heard: string[]; room: number } = {
      ...{ userId, position, heard, room },
      take(entries) {
        const taken = Math.min(entries.length, own.room);
        own.room -= taken;
        heard.push(...entries.slice(0, taken).map(({ seq }) => seq));
        return taken;
      },
      resync: () => void heard.push(`resync ${own.position.epoch} ${own.position.seq}`),
    };
    return own;
  }
  return {
    hub,
    heads,
    receiver,
    /** Answers the reads that are under way. */
    answer: async () => {
      for (const resolve of held.splice(0)) resolve();
      await settled();
    },
    answerNewest: async () => {
      held.pop()!();
      await settled();
    },
    tell: (userId: string) =>
      void signals.tell(timelineSignal, writeHeads([{ userId, seq: String(heads.get(userId)) }])),
    /** The log tells what other processes have written. */
    write: (...messages: object[]) => void logged?.push(...messages),
    writeTooMuch() {
      logged = undefined;
    },
    append: (userId: string, count = 1) => void heads.set(userId, (heads.get(userId) ?? 0) + count),
    rebuild: (next: string) => {
      epoch = next;
    },
    away: (is: boolean) => {
      away = is;
    },
    reads: () => reads,
  };
}
const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => String(from + i));

test("who joins while others are being given news is given all of theirs", async () => {
  const { hub, append, tell, answer, receiver } = setUp({ byHand: true });
  append("1", 5);
  const one = receiver("1", { epoch: "e", seq: "5" });
  const joined = hub.join(one, call, () => {});
  await settled();
  await answer();
  await joined;
  append("1");
  // Reads at 6, before anybody knows of it.
  const two = receiver("1", { epoch: "e", seq: "5" });
  append("1");
  tell("1");
  const second = hub.join(two, call, () => {});
  await settled();
  await answer();
  await second;
  for (let i = 0; i < 5; i++) await answer();
  expect([one.heard, two.heard]).toEqual([numbers(6, 7), numbers(6, 7)]);
});

test("a word that comes during a join is not forgotten because others were given its entry", async () => {
  const { hub, append, tell, answer, answerNewest, receiver } = setUp({ byHand: true });
  const one = receiver("1", { epoch: "e", seq: "0" });
  const joined = hub.join(one, call, () => {});
  await settled();
  await answer();
  await joined;
  const two = receiver("1", { epoch: "e", seq: "0" });
  const second = hub.join(two, call, () => {});
  await settled();
  // The join has been read; its answer is still under way, and comes after that to the word.
  append("1");
  tell("1");
  await settled();
  await answerNewest();
  expect(one.heard).toEqual(["1"]);
  for (let i = 0; i < 5; i++) await answer();
  await second;
  expect([one.heard, two.heard]).toEqual([["1"], ["1"]]);
});

test("nobody is given anything beyond their room until they ask for more", async () => {
  const { hub, append, tell, receiver } = setUp();
  append("1", 10);
  const slow = receiver("1", { epoch: "e", seq: "0" }, 4);
  const quick = receiver("1", { epoch: "e", seq: "8" });
  for (const one of [slow, quick]) await done(hub.join(one, call, () => {}));
  append("1");
  tell("1");
  await settled();
  expect([slow.heard, quick.heard]).toEqual([numbers(1, 4), numbers(9, 11)]);
  slow.room = 100;
  hub.resume(slow);
  await settled();
  expect(slow.heard).toEqual(numbers(1, 11));
});

test("timelines begun anew are told to all who are there, and go on", async () => {
  const { hub, append, tell, receiver, rebuild } = setUp();
  append("1", 3);
  const old = receiver("1", { epoch: "e", seq: "3" });
  await done(hub.join(old, call, () => {}));
  rebuild("f");
  const fresh = receiver("1", { epoch: "f", seq: "3" });
  await done(hub.join(fresh, call, () => {}));
  append("1");
  tell("1");
  for (let i = 0; i < 5; i++) await settled();
  expect([old.heard, fresh.heard]).toEqual([["resync f 4"], ["4"]]);
  append("1");
  tell("1");
  for (let i = 0; i < 5; i++) await settled();
  expect([old.heard, fresh.heard]).toEqual([["resync f 4", "5"], numbers(4, 5)]);
});

test("what was told to nobody is found within 15 seconds, and a service that is away is asked once a second", async () => {
  const { hub, append, receiver, away, reads } = setUp();
  const one = receiver("1", { epoch: "e", seq: "0" });
  await done(hub.join(one, call, () => {}));
  append("1");
  await vi.advanceTimersByTimeAsync(15_500);
  expect(one.heard).toEqual(["1"]);
  away(true);
  append("1");
  await vi.advanceTimersByTimeAsync(300_000);
  const before = reads();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(reads() - before).toBeLessThanOrEqual(11);
  away(false);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(one.heard).toEqual(["1", "2"]);
  hub.leave(one);
  await vi.advanceTimersByTimeAsync(1_000);
  const end = reads();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(reads()).toBe(end);
});

test("where an answer for many is too large, each of them is asked for alone", async () => {
  const { hub, append, tell, receiver } = setUp({ mostEntries: 50 });
  const all = Array.from({ length: 100 }, (_, i) => receiver(String(i + 1), { epoch: "e", seq: "0" }));
  for (const one of all) await done(hub.join(one, call, () => {}));
  for (const { userId } of all) {
    append(userId, 3);
    tell(userId);
  }
  await vi.advanceTimersByTimeAsync(5_000);
  expect(all.filter(({ heard }) => heard.length !== 3)).toEqual([]);
});

test("what no signal tells is given when the log tells it, and what was given is not read again for that", async () => {
  const { hub, append, tell, write, receiver, reads } = setUp();
  const all = Array.from({ length: 200 }, (_, i) => receiver(String(i + 1), { epoch: "e", seq: "0" }));
  for (const one of all) await done(hub.join(one, call, () => {}));
  await vi.advanceTimersByTimeAsync(500);
  const heard = () => all.filter((one) => one.heard.length > 0).length;
  for (const { userId } of all) append(userId);
  const before = reads();
  const userIds = all.slice(0, 100).map(({ userId }) => userId);
  const pairs = Array.from({ length: 50 }, (_, i) => [String(101 + i), String(151 + i)]);
  const grown = { groupId: "9", userIds, seqs: userIds.map(() => "1") };
  const sent = pairs.map(([senderId, receiverId]) => ({
    senderId,
    receiverId,
    senderSeq: "1",
    receiverSeq: "1",
  }));
  write(grown, ...sent);
  await vi.advanceTimersByTimeAsync(300);
  expect(heard()).toBe(200);
  // Each once, and some looks at everybody.
  expect(reads() - before).toBeLessThan(220);
  for (const { userId } of all) {
    append(userId);
    tell(userId);
  }
  await settled();
  expect(all.every((one) => one.heard.length === 2)).toBe(true);
  const given = reads();
  write(
    { ...grown, seqs: userIds.map(() => "2") },
    ...sent.map((one) => ({ ...one, senderSeq: "2", receiverSeq: "2" })),
  );
  await vi.advanceTimersByTimeAsync(300);
  expect(reads() - given).toBeLessThan(20);
  // An older process has written these.
  for (const { userId } of all) append(userId);
  write({ ...grown, seqs: [] }, ...sent.map((one) => ({ ...one, senderSeq: "", receiverSeq: "" })));
  await vi.advanceTimersByTimeAsync(300);
  expect(all.every((one) => one.heard.length === 3)).toBe(true);
});

test.each([
  [true, 15_500],
  [false, 2_500],
])("while the log tells too much (signals reach all: %s), everybody is looked at within %i ms", async (isShared, ms) => {
  const { hub, writeTooMuch, receiver, reads } = setUp({ isShared });
  const all = Array.from({ length: 600 }, (_, i) => receiver(String(i + 1), { epoch: "e", seq: "0" }));
  for (const one of all) await done(hub.join(one, call, () => {}));
  await vi.advanceTimersByTimeAsync(500);
  writeTooMuch();
  const before = reads();
  await vi.advanceTimersByTimeAsync(ms);
  expect(reads() - before).toBeGreaterThanOrEqual(600);
  expect(reads() - before).toBeLessThan(900);
});

test("twelve thousand people are looked at without anybody who comes being refused", async () => {
  const { hub, append, receiver } = setUp();
  const all = Array.from({ length: 12_000 }, (_, i) => receiver(String(i + 1), { epoch: "e", seq: "0" }));
  for (let i = 0; i < all.length; i += 500)
    await done(Promise.all(all.slice(i, i + 500).map((one) => hub.join(one, call, () => {}))));
  for (const { userId } of all) append(userId);
  for (let i = 0; i < 64; i++) {
    await vi.advanceTimersByTimeAsync(250);
    const late = receiver(String(20_000 + i), { epoch: "e", seq: "0" });
    await done(hub.join(late, call, () => {}));
  }
  expect(all.filter(({ heard }) => heard.length !== 1)).toEqual([]);
});

test("however joins, words, entries and answers follow each other, everybody is given everything once, in order", async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant("join" as const), behind: fc.nat(4), room: fc.constantFrom(1, 2, 1_000) }),
    fc.record({
      do: fc.constantFrom("append" as const, "tell" as const, "answer" as const, "room" as const),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { hub, append, tell, answer, receiver, heads } = setUp({ byHand: true });
      append("1", 5);
      const all: { one: ReturnType<typeof receiver>; from: number }[] = [];
      const joins: Promise<void>[] = [];
      for (const next of steps) {
        if (next.do === "join") {
          const from = heads.get("1")! - next.behind;
          const one = receiver("1", { epoch: "e", seq: String(from) }, next.room);
          all.push({ one, from });
          if (all.length <= 40) joins.push(hub.join(one, call, () => {}));
        } else if (next.do === "append") append("1");
        else if (next.do === "tell") tell("1");
        else if (next.do === "answer") await answer();
        else
          for (const { one } of all) {
            one.room = 1_000;
            hub.resume(one);
          }
        await settled();
      }
      for (const { one } of all) one.room = 1_000;
      for (let i = 0; i < 6; i++) await answer();
      for (const { one } of all) hub.resume(one);
      tell("1");
      for (let i = 0; i < 10; i++) await answer();
      await Promise.all(joins);
      for (const { one, from } of all) expect(one.heard).toEqual(numbers(from + 1, heads.get("1")!));
      hub.stop();
    }),
    { numRuns: 200 },
  );
});
