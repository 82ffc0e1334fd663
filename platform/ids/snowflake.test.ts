import { describe, expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { createSnowflake, epochMs, idAtTime, isId, maxNodes, timeOfId } from "./snowflake.ts";

const node = fc.integer({ min: 0, max: maxNodes - 1 });
/** Steps of a clock between two ids: it stands still, advances, jumps back and forth. */
const steps = fc.array(
  fc.oneof(
    fc.constant(0),
    fc.constant(0),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: -1e6, max: 1e6 }),
  ),
  { minLength: 1, maxLength: 300 },
);
/** From long before the epoch (a machine without a clock battery starts in 1970) to the end of 41 bits. */
const startMs = fc.oneof(
  fc.integer({ min: 0, max: epochMs }),
  fc.integer({ min: epochMs, max: epochMs + 2 ** 41 - 1e9 }),
);
const isAscending = (ids: string[]) => ids.every((id, i) => i === 0 || BigInt(ids[i - 1]!) < BigInt(id));

test("ids are valid and ever greater, whatever the clock does", () => {
  fc.assert(
    fc.property(node, startMs, steps, (node, startMs, steps) => {
      let clockMs = startMs;
      const ids = createSnowflake({ node, floorMs: 0, nowMs: () => clockMs });
      const made = steps.map((step) => {
        clockMs = Math.max(0, clockMs + step);
        return ids.next();
      });
      expect(made.every(isId)).toBe(true);
      expect(isAscending(made)).toBe(true);
      expect(timeOfId(made.at(-1)!)).toBe(ids.usedMs());
    }),
  );
});

test("more than 4,096 ids in one millisecond of a clock that stands still", () => {
  const ids = createSnowflake({ node: 1023, floorMs: 0, nowMs: () => epochMs + 5 });
  const made = Array.from({ length: 3 * 4096 + 1 }, ids.next);
  expect(isAscending(made)).toBe(true);
  expect(ids.usedMs()).toBe(epochMs + 8);
});

test("an id after a time is of a later millisecond, and the next ones go on from there", () => {
  fc.assert(
    fc.property(node, fc.array(fc.integer({ min: -5, max: 1000 }), { minLength: 1 }), (node, ahead) => {
      const ids = createSnowflake({ node, floorMs: 0, nowMs: () => epochMs + 1000 });
      const made = ahead.flatMap((ms) => {
        const after = ids.next(epochMs + 1000 + ms);
        expect(timeOfId(after)).toBeGreaterThan(epochMs + 1000 + ms);
        return [after, ids.next()];
      });
      expect(isAscending(made)).toBe(true);
    }),
  );
});

test("no id is older than the given minimum", () => {
  fc.assert(
    fc.property(startMs, fc.integer({ min: -1e6, max: 1e6 }), (floorMs, ahead) => {
      const ids = createSnowflake({ node: 0, floorMs, nowMs: () => floorMs - ahead });
      expect(timeOfId(ids.next())).toBeGreaterThanOrEqual(floorMs);
    }),
  );
});

test("nodes never make each other's ids", () => {
  fc.assert(
    fc.property(fc.uniqueArray(node, { minLength: 2, maxLength: 2 }), steps, (nodes, steps) => {
      const made = nodes.flatMap((node) => {
        let clockMs = epochMs + 1e9;
        const ids = createSnowflake({ node, floorMs: 0, nowMs: () => clockMs });
        return steps.map((step) => {
          clockMs += step;
          return ids.next();
        });
      });
      expect(new Set(made).size).toBe(made.length);
    }),
  );
});

test("an id lies between the bounds of its millisecond", () => {
  fc.assert(
    fc.property(node, fc.integer({ min: epochMs + 1, max: epochMs + 2 ** 41 - 2 }), (node, timeMs) => {
      const id = BigInt(createSnowflake({ node, floorMs: 0, nowMs: () => timeMs }).next());
      expect(id >= idAtTime(timeMs) && id < idAtTime(timeMs + 1)).toBe(true);
      expect(timeOfId(id.toString())).toBe(timeMs);
    }),
  );
});

describe("isId", () => {
  test.each(["1", "42", "9223372036854775807"])("%s is one", (text) => expect(isId(text)).toBe(true));
  test.each([
    "",
    "0",
    "00",
    "01",
    "-1",
    "+1",
    " 1",
    "1 ",
    "1\n",
    "1.0",
    "1e3",
    "0x1",
    "١",
    "NaN",
    "9223372036854775808",
    "10000000000000000000",
    "1".repeat(1000),
  ])("%j is none", (text) => expect(isId(text)).toBe(false));
});
