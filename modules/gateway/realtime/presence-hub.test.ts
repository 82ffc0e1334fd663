import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { localPresence } from "#platform/presence/presence-memory.ts";
import { localSignals } from "#platform/signals/signals.ts";
import fc from "#platform/testing/property.ts";
import { createPresenceHub, type Presence, type Watcher } from "./presence-hub.ts";

beforeEach(() => {
  vi.useFakeTimers({ now: 1_700_000_000_000 });
});
afterEach(() => {
  vi.useRealTimers();
});
const seconds = (count: number) => vi.advanceTimersByTimeAsync(count * 1_000);
type Event = { type: string; message: Record<string, string> };

/** Gateways that share memory and signals, or the memory alone, in a world where everybody may see everybody. */
function world({ signalsCome = true } = {}) {
  const memory = localPresence();
  const signals = localSignals();
  const hidden = new Set<string>();
  const blocked = new Set<string>();
  const log: Event[] = [];
  let away = false;
  let logIsAway = false;
  const questions = { watchable: 0, hidden: 0 };
  const message = {
    async getWatchable({ people }: { people: { userId: string; otherIds: string[] }[] }) {
      if (away) throw new Error("away");
      questions.watchable++;
      return {
        watchable: people.map(({ userId, otherIds }) =>
          Uint8Array.from(otherIds, (id) =>
            Number(!hidden.has(userId) && !blocked.has(`${userId} ${id}`) && !blocked.has(`${id} ${userId}`)),
          ),
        ),
      };
    },
    async findHidden({ userIds }: { userIds: string[] }) {
      questions.hidden++;
      return { userIds: userIds.filter((id) => hidden.has(id)) };
    },
  };
  const tooMuch: string[] = [];
  const events = {
    async changesSince(_types: unknown, cursor: string) {
      if (logIsAway) throw new Error("away");
      const next = tooMuch.shift();
      if (next !== undefined) return { cursor: next, events: undefined };
      return { cursor: String(log.length + 1), events: cursor === "" ? [] : log.slice(Number(cursor) - 1) };
    },
  };
  function gateway() {
    return createPresenceHub(
      memory,
      message as never,
      signalsCome ? signals : localSignals(),
      events as never,
      createLog("silent"),
    );
  }
  function watcher(userId: string) {
    const told: Presence[] = [];
    let frames = 0;
    const own: Watcher & { told: Presence[]; frames(): number; knows(id: string): Presence | undefined } = {
      ...{ userId, told },
      tell(people) {
        frames++;
        told.push(...people);
      },
      frames: () => frames,
      knows: (id) => told.findLast((one) => one.userId === id),
    };
    return own;
  }
  return {
    gateway,
    watcher,
    hidden,
    memory,
    questions,
    logIsAway(is: boolean) {
      logIsAway = is;
    },
    /** The log has too much to tell, and says from where to go on; empty: from nowhere. */
    logTellsTooMuch: (cursor: string) => void tooMuch.push(cursor),
    block(one: string, other: string) {
      blocked.add(`${one} ${other}`);
      log.push({ type: "relation.blocked.v1", message: { blockerId: one, blockedId: other } });
    },
    away(is: boolean) {
      away = is;
    },
  };
}

test("who comes is here within two seconds, and is not here any more some seconds after they left", async () => {
  const { gateway, watcher } = world();
  const [here, there] = [gateway(), gateway()];
  const ada = watcher("1");
  here.watch(ada, ["2"]);
  await seconds(2);
  expect(ada.told).toEqual([]);
  const leave = there.arrive("2");
  await seconds(2);
  expect(ada.knows("2")).toEqual({ userId: "2", online: true, lastSeenMs: undefined });
  await seconds(300);
  expect(ada.told).toHaveLength(1);
  const leftMs = Date.now();
  leave();
  await seconds(8);
  expect(ada.knows("2")).toMatchObject({ online: false });
  expect(Math.abs(ada.knows("2")!.lastSeenMs! - leftMs)).toBeLessThan(2_000);
  await seconds(300);
  expect(ada.told).toHaveLength(2);
});

test("who comes back at once never left", async () => {
  const { gateway, watcher } = world();
  const [here, there] = [gateway(), gateway()];
  const ada = watcher("1");
  here.watch(ada, ["2"]);
  const leave = there.arrive("2");
  await seconds(3);
  leave();
  await seconds(3);
  there.arrive("2");
  await seconds(60);
  expect(ada.told.map(({ online }) => online)).toEqual([true]);
});

test("who was here for a moment only was here, unless they hide", async () => {
  const { gateway, watcher, hidden } = world();
  const hub = gateway();
  const ada = watcher("1");
  hidden.add("3");
  hub.watch(ada, ["2", "3"]);
  for (const id of ["2", "3"]) hub.arrive(id)();
  await seconds(10);
  expect(ada.told).toEqual([{ userId: "2", online: false, lastSeenMs: expect.any(Number) }]);
});

test("one with two devices on two gateways is here until both have gone", async () => {
  const { gateway, watcher } = world();
  const [one, two] = [gateway(), gateway()];
  const ada = watcher("1");
  one.watch(ada, ["2"]);
  const [leaveOne, leaveTwo] = [one.arrive("2"), two.arrive("2")];
  await seconds(3);
  leaveOne();
  await seconds(60);
  expect(ada.knows("2")).toMatchObject({ online: true });
  leaveTwo();
  await seconds(8);
  expect(ada.knows("2")).toMatchObject({ online: false });
});

test.each([
  0, 250, 500, 750,
])("closing one of two devices is no news, whoever has their turn first: %i", async (phaseMs) => {
  const { gateway, watcher } = world();
  const [one, two, watching] = [gateway(), gateway(), gateway()];
  const ada = watcher("1");
  const leaveOne = one.arrive("2");
  await vi.advanceTimersByTimeAsync(phaseMs);
  watching.watch(ada, ["2"]);
  await vi.advanceTimersByTimeAsync(100);
  two.arrive("2");
  await seconds(3);
  leaveOne();
  await seconds(60);
  expect(ada.told.map(({ online }) => online)).toEqual([true]);
});

test.each([
  true,
  false,
])("a killed gateway's people are gone within 60 seconds; signals: %s", async (signalsCome) => {
  const { gateway, watcher } = world({ signalsCome });
  const [here, killed] = [gateway(), gateway()];
  const ada = watcher("1");
  here.watch(ada, ["2"]);
  killed.arrive("2");
  await seconds(20);
  expect(ada.knows("2")).toMatchObject({ online: true });
  killed.stop();
  await seconds(20);
  expect(ada.knows("2")).toMatchObject({ online: true });
  await seconds(40);
  expect(ada.knows("2")).toMatchObject({ online: false, lastSeenMs: expect.any(Number) });
});

test("who hides is not here, leaves no trace, and sees nobody", async () => {
  const { gateway, watcher, hidden } = world();
  const [here, there] = [gateway(), gateway()];
  const [ada, ben] = [watcher("1"), watcher("2")];
  here.watch(ada, ["2"]);
  there.watch(ben, ["1"]);
  here.arrive("1");
  there.arrive("2");
  await seconds(3);
  expect([ada.knows("2")!.online, ben.knows("1")!.online]).toEqual([true, true]);
  hidden.add("2");
  there.settingsChanged("2");
  await seconds(3);
  const nothing = { online: false, lastSeenMs: undefined };
  expect([ada.knows("2"), ben.knows("1")]).toMatchObject([nothing, nothing]);
  await seconds(60);
  expect(ada.knows("2")).toMatchObject(nothing);
  hidden.delete("2");
  there.settingsChanged("2");
  await seconds(3);
  expect([ada.knows("2")!.online, ben.knows("1")!.online]).toEqual([true, true]);
});

test("what an old entry says of hiding is asked for, so it shows nobody who hides", async () => {
  const { gateway, watcher, hidden } = world();
  const hub = gateway();
  const ada = watcher("1");
  hub.watch(ada, ["2"]);
  hidden.add("2");
  hub.arrive("2");
  await seconds(3);
  hub.settingsChanged("2");
  await seconds(60);
  expect(ada.told).toEqual([]);
});

test("who hides after they left another gateway leaves no trace there", async () => {
  const { gateway, hidden, memory } = world();
  const [one, two] = [gateway(), gateway()];
  const leaveTwo = two.arrive("2");
  one.arrive("2");
  await seconds(3);
  leaveTwo();
  await seconds(1);
  hidden.add("2");
  // The second one has nobody whose entry it hears.
  one.settingsChanged("2");
  await seconds(60);
  expect((await memory.read(["2"])).get("2")).toBeUndefined();
});

test("a block is felt while the log cannot be read", async () => {
  const { gateway, watcher, block, logIsAway } = world();
  const hub = gateway();
  const ada = watcher("1");
  hub.watch(ada, ["2"]);
  hub.arrive("2");
  await seconds(3);
  logIsAway(true);
  await seconds(30);
  expect(ada.told.map(({ online }) => online)).toEqual([true]);
  block("1", "2");
  await seconds(12);
  expect(ada.knows("2")).toEqual({ userId: "2", online: false, lastSeenMs: undefined });
});

test("a block is felt that was made while the log had so much to tell that nobody could follow it", async () => {
  const { gateway, watcher, block, logTellsTooMuch } = world();
  const hub = gateway();
  const ada = watcher("1");
  hub.watch(ada, ["2"]);
  hub.arrive("2");
  await seconds(3);
  logTellsTooMuch("");
  await seconds(1);
  expect(ada.told.map(({ online }) => online)).toEqual([true]);
  block("1", "2");
  // After the block.
  logTellsTooMuch("2");
  await seconds(3);
  expect(ada.knows("2")).toEqual({ userId: "2", online: false, lastSeenMs: undefined });
});

test("while the log has too much to tell, everybody is asked for now and then", async () => {
  const { gateway, watcher, questions, logTellsTooMuch } = world();
  const hub = gateway();
  hub.watch(watcher("1"), ["2"]);
  await seconds(3);
  const before = questions.watchable;
  for (let i = 0; i < 30; i++) logTellsTooMuch("");
  await seconds(30);
  expect(questions.watchable - before).toBe(3);
});

test("a block made by another process ends it within two seconds", async () => {
  const { gateway, watcher, block } = world();
  const hub = gateway();
  const [ada, ben] = [watcher("1"), watcher("2")];
  hub.watch(ada, ["2"]);
  hub.watch(ben, ["1"]);
  hub.arrive("1");
  hub.arrive("2");
  await seconds(3);
  block("1", "2");
  await seconds(2);
  expect([ada.knows("2")!.online, ben.knows("1")!.online]).toEqual([false, false]);
  expect([ada.knows("2")!.lastSeenMs, ben.knows("1")!.lastSeenMs]).toEqual([undefined, undefined]);
  expect(await hub.see("1", ["2"], { traceId: "0".repeat(32), deadlineMs: Date.now() + 1_000 })).toEqual([]);
});

test("while nobody can say who may see whom, nothing is told", async () => {
  const { gateway, watcher, away } = world();
  const hub = gateway();
  const ada = watcher("1");
  away(true);
  hub.watch(ada, ["2"]);
  hub.arrive("2");
  await seconds(20);
  expect(ada.told).toEqual([]);
  away(false);
  await seconds(2);
  expect(ada.knows("2")).toMatchObject({ online: true });
});

test("all changes of a second come in one frame, after one question for all", async () => {
  const { gateway, watcher, questions } = world();
  const hub = gateway();
  const ids = Array.from({ length: 100 }, (_, i) => String(i + 10));
  const all = Array.from({ length: 15 }, (_, i) => watcher(String(i + 1_000)));
  for (const one of all) hub.watch(one, ids);
  for (const id of ids) hub.arrive(id);
  await seconds(2.5);
  expect(all.map((one) => one.frames())).toEqual(all.map(() => 1));
  expect(questions).toEqual({ watchable: 1, hidden: 1 });
});

test("whatever comes, goes, is watched and given up, everybody knows how those are whom they watch", async () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant("come" as const), who: fc.nat(3), where: fc.nat(1) }),
    fc.record({ what: fc.constant("go" as const), who: fc.nat(3), where: fc.nat(1) }),
    fc.record({ what: fc.constant("watch" as const), who: fc.nat(3), where: fc.nat(1) }),
    fc.record({ what: fc.constant("unwatch" as const), who: fc.nat(3), where: fc.nat(1) }),
    fc.record({ what: fc.constant("wait" as const), who: fc.integer({ min: 1, max: 20 }), where: fc.nat(0) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { gateway, watcher } = world();
      const gateways = [gateway(), gateway()];
      const watchers = [watcher("100"), watcher("101")];
      const here = new Map<string, (() => void)[]>();
      const watched = [new Set<string>(), new Set<string>()];
      for (const { what, who, where } of steps) {
        const id = String(who + 1);
        const hub = gateways[where]!;
        if (what === "come") here.set(id, [...(here.get(id) ?? []), hub.arrive(id)]);
        if (what === "go") here.get(id)?.pop()?.();
        if (what === "watch") {
          hub.watch(watchers[where]!, [id]);
          watched[where]!.add(id);
        }
        if (what === "unwatch") {
          hub.unwatch(watchers[where]!, [id, "77"]);
          watched[where]!.delete(id);
        }
        if (what === "wait") await seconds(who);
      }
      await seconds(60);
      watchers.forEach((one, i) => {
        for (const id of watched[i]!)
          expect(one.knows(id)?.online ?? false).toBe((here.get(id)?.length ?? 0) > 0);
      });
      for (const hub of gateways) hub.stop();
    }),
    { numRuns: 30 },
  );
});
