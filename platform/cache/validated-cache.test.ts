import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { refusal } from "../errors/reasons.ts";
import type { Call } from "../rpc/call.ts";
import { createValidatedCache } from "./validated-cache.ts";
import { createValidatedEntries } from "./validated-entries.ts";
import { type Changes, createValidity } from "./validity.ts";

const random = randomOf(testSeed("validated cache"));
const call: Call = { traceId: "0".repeat(32), deadlineMs: Date.now() + 60_000 };

/** Facts that count up, a log that tells of it, and a cache of sums of them. */
function createFacts({ maxBytes = 100_000, maxAgeMs = 60_000 } = {}) {
  const facts = new Map<string, number>();
  const log: string[] = [];
  let looks = 0;
  let making = 0;
  let down: Error | undefined;
  let complete = true;
  let calls = 0;
  /** Reads take a while, and answer what was true in the midst of it. */
  const later = async <T>(read: () => T, turns: number): Promise<T> => {
    for (let i = random.below(turns); i >= 0; i--) await nextTurn();
    const found = read();
    for (let i = random.below(turns); i >= 0; i--) await nextTurn();
    return found;
  };
  const callOf = () => {
    calls++;
    return call;
  };
  const sum = (ids: readonly string[]) => ids.reduce((all, id) => all + (facts.get(id) ?? 0), 0);
  const validity = createValidity(async (cursor): Promise<Changes> => {
    looks++;
    if (down) throw down;
    const told = () => ({
      cursor: String(log.length),
      ids: cursor === "" ? [] : log.slice(Number(cursor)),
      everything: cursor === "" || log.slice(Number(cursor)).includes("*"),
    });
    return later(told, 2);
  });
  const entries = createValidatedEntries<number>({ validity, max: 3, maxAgeMs });
  const cache = createValidatedCache<number>({
    validity,
    sizeOf: () => 8,
    maxBytes,
    maxAgeMs,
  });
  return {
    sum,
    looks: () => looks,
    made: () => making,
    calls: () => calls,
    change(id: string) {
      facts.set(id, (facts.get(id) ?? 0) + 1);
      log.push(id);
    },
    tellNothing: (id: string) => facts.set(id, (facts.get(id) ?? 0) + 1),
    everything: () => log.push("*"),
    setDown: (error: Error | undefined) => {
      down = error;
    },
    setComplete: (is: boolean) => {
      complete = is;
    },
    get: (ids: readonly string[]) =>
      cache.get(ids.join(), callOf, async () => {
        making++;
        return { value: await later(() => sum(ids), 8), dependencies: [...ids], complete };
      }),
    /** Each fact that is there, by its id. */
    getMany: async (ids: readonly string[]) =>
      entries.getMany("", ids, (await validity.now())!, async (missing) => {
        making += missing.length;
        return later(() => new Map([...facts].filter(([id]) => missing.includes(id))), 8);
      }),
  };
}

describe("a validated cache", () => {
  test("keeps what has not changed, and only that", async () => {
    const { get, change, everything, made } = createFacts();
    change("a");
    expect(await get(["a", "b"])).toBe(1);
    change("c");
    expect(await get(["a", "b"])).toBe(1);
    expect(made()).toBe(1);
    change("b");
    expect(await get(["a", "b"])).toBe(2);
    expect(made()).toBe(2);
    everything();
    await get(["a", "b"]);
    expect(made()).toBe(3);
  });

  test("remembers each of many, until it changes", async () => {
    const { getMany, change, everything, made } = createFacts();
    for (const id of ["a", "b"]) change(id);
    // What is not there is not remembered.
    expect(await getMany(["a", "b", "c"])).toEqual(
      new Map([
        ["a", 1],
        ["b", 1],
      ]),
    );
    expect(made()).toBe(3);
    change("a");
    change("c");
    expect(await getMany(["b", "a", "c"])).toEqual(
      new Map([
        ["b", 1],
        ["a", 2],
        ["c", 1],
      ]),
    );
    expect(made()).toBe(5);
    await getMany(["a", "b", "c"]);
    expect(made()).toBe(5);
    everything();
    await getMany(["a"]);
    expect(made()).toBe(6);
  });

  test("makes no call for what it has", async () => {
    const { get, calls } = createFacts();
    await Promise.all([get(["a"]), get(["a"])]);
    const before = calls();
    await get(["a"]);
    expect([before > 0, calls() - before]).toEqual([true, 0]);
  });

  test("who asks at the same time shares a look, and the making of one answer", async () => {
    const { get, looks, made } = createFacts();
    await get(["x"]);
    const before = looks();
    await Promise.all(Array.from({ length: 100 }, () => get(["a", "b"])));
    expect(made()).toBe(2);
    expect(looks() - before).toBeLessThan(4);
  });

  test("an answer that lacks something is not kept, a failure neither", async () => {
    const { get, setComplete, setDown, made } = createFacts();
    setComplete(false);
    await get(["a"]);
    setComplete(true);
    await get(["a"]);
    expect(made()).toBe(2);
    setDown(new Error("away"));
    await expect(get(["a"])).rejects.toThrow("away");
    setDown(undefined);
    await get(["a"]);
    expect(made()).toBe(2);
  });

  test("while changes cannot be asked for, answers are made and not kept, and what was kept counts afterwards", async () => {
    const { get, setDown, change, made } = createFacts();
    await get(["a"]);
    await get(["b"]);
    setDown(refusal("DATABASE_UNAVAILABLE"));
    change("a");
    expect(await get(["a"])).toBe(1);
    change("a");
    expect(await get(["a"])).toBe(2);
    expect(made()).toBe(4);
    setDown(undefined);
    expect(await get(["a"])).toBe(2);
    expect(await get(["b"])).toBe(0);
    expect(made()).toBe(5);
  });

  test("what nobody tells of is forgotten with time, and what is used least when it is full", async () => {
    const { get, getMany, change, tellNothing } = createFacts({ maxAgeMs: 30 });
    change("a");
    expect([await get(["a"]), await getMany(["a"])]).toEqual([1, new Map([["a", 1]])]);
    tellNothing("a");
    await expect.poll(() => get(["a"])).toBe(2);
    await expect.poll(() => getMany(["a"])).toEqual(new Map([["a", 2]]));
    const small = createFacts({ maxBytes: 500 });
    for (const id of ["a", "b", "c", "d", "e"]) await small.get([id]);
    await small.get(["a"]);
    expect(small.made()).toBe(6);
  });

  test("more changes than are remembered cost answers, not truth", async () => {
    const { get, change, made } = createFacts();
    await get(["a"]);
    await get(["b"]);
    for (let i = 0; i < 60_000; i++) change(i === 0 ? "a" : `other ${i}`);
    expect(await get(["a"])).toBe(1);
    expect(await get(["b"])).toBe(0);
    expect(made()).toBe(4);
  });

  test("nobody ever gets an answer older than their question", async () => {
    const id = fc.constantFrom("a", "b", "c", "d");
    const act = fc.oneof(
      fc.record({ change: id }),
      fc.record({ get: fc.constantFrom(["a"], ["a", "b", "c"]) }),
      fc.record({ getMany: fc.constantFrom(["a", "b"], ["b", "c", "d"]) }),
      fc.record({ everything: fc.constant(true) }),
      fc.record({ turns: fc.nat(6) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 80 }), async (acts) => {
        const { get, getMany, change, everything, sum } = createFacts();
        const asked: Promise<void>[] = [];
        for (const one of acts) {
          if ("change" in one) change(one.change);
          else if ("everything" in one) everything();
          else if ("turns" in one) for (let i = 0; i < one.turns; i++) await nextTurn();
          else if ("getMany" in one) {
            const least = one.getMany.map((id) => sum([id]));
            const check = (found: ReadonlyMap<string, number>) =>
              one.getMany.forEach((id, i) => {
                expect(found.get(id) ?? 0, id).toBeGreaterThanOrEqual(least[i]!);
              });
            asked.push(getMany(one.getMany).then(check));
          } else {
            const least = sum(one.get);
            asked.push(get(one.get).then((value) => expect(value).toBeGreaterThanOrEqual(least)));
          }
        }
        await Promise.all(asked);
        for (const ids of [["a"], ["b", "c"]]) expect(await get(ids)).toBe(sum(ids));
        for (const [id, value] of await getMany(["a", "b", "c"])) expect(value).toBe(sum([id]));
      }),
      { numRuns: 300 },
    );
  });
});
