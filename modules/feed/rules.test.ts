import { expect, test } from "vitest";
import { createSnowflake, epochMs } from "#platform/ids/snowflake.ts";
import { alsoTrims, chooseSources } from "./rules.ts";

/** As they come in practice: few in one millisecond, so that nearly all end in a sequence of zero. */
function idsOf(count: number, node: number, everyMs: number): string[] {
  let nowMs = epochMs + 1e10;
  const ids = createSnowflake({ node, floorMs: 0, nowMs: () => nowMs });
  return Array.from({ length: count }, (_, i) => {
    nowMs += i % 8 === 0 ? 0 : everyMs;
    return ids.next();
  });
}

test("about one delivery in 64 trims, and each inbox is trimmed again and again", () => {
  for (const [node, everyMs] of [
    [0, 1],
    [3, 61_007],
  ] as const) {
    const users = idsOf(1000, node, 977);
    const videos = idsOf(1000, node, everyMs);
    const trimmedBy = videos.map((video) => users.filter((user) => alsoTrims(user, video)).length);
    const total = trimmedBy.reduce((sum, one) => sum + one, 0);
    expect(total / 1e6).toBeGreaterThan(1 / 80);
    expect(total / 1e6).toBeLessThan(1 / 50);
    expect(Math.max(...trimmedBy), "the work is spread over the videos").toBeLessThan(100);
    const timesOf = users.map((user) => videos.filter((video) => alsoTrims(user, video)).length);
    expect(Math.min(...timesOf), "each inbox has a bound").toBeGreaterThan(0);
  }
});

test("no more authors deliver than the cap, also to a reader who interacts with more", () => {
  const followed = ["9", "8", "7", "6", "5"];
  expect(chooseSources(followed, new Set(), 5)).toEqual(followed);
  expect(chooseSources(followed, new Set(["6", "1"]), 3)).toEqual(["6", "9", "8"]);
  expect(chooseSources(followed, new Set(["8", "7", "6", "5"]), 3)).toEqual(["8", "7", "6"]);
});
