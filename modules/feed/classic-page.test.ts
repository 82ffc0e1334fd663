import { describe, expect, it } from "vitest";
import fc from "#platform/testing/property.ts";
import { byNewest, classicPage, type Entry, isLarge, mergeNewest } from "./rules.ts";

const entry = fc.record({
  publishedAtMs: fc.integer({ min: 1, max: 40 }),
  videoId: fc.integer({ min: 1, max: 200 }).map(String),
});
const feed = fc
  .uniqueArray(entry, { selector: (one) => one.videoId, maxLength: 60 })
  .map((entries) => entries.sort(byNewest));

/** As the client does: asks again with the time of the oldest video it got. */
function walk(everybody: Entry[], followedIds: Set<string>, limit: number): Entry[][] {
  const pages: Entry[][] = [];
  let beforeMs = Number.POSITIVE_INFINITY;
  for (;;) {
    const older = everybody.filter((one) => one.publishedAtMs < beforeMs);
    const followed = older.filter((one) => followedIds.has(one.videoId)).slice(0, limit + 1);
    const page = classicPage(followed, older.slice(0, 2 * limit + 1), limit);
    if (page.length === 0) return pages;
    pages.push(page);
    beforeMs = page.at(-1)!.publishedAtMs;
  }
}

describe("classicPage", () => {
  it("never repeats, is never longer than asked, and is newest first", () => {
    fc.assert(
      fc.property(
        feed,
        fc.array(fc.integer({ min: 1, max: 200 }).map(String)),
        fc.integer({ min: 1, max: 30 }),
        (everybody, ids, limit) => {
          const pages = walk(everybody, new Set(ids), limit);
          const seen = pages.flat().map((one) => one.videoId);
          expect(new Set(seen).size).toBe(seen.length);
          for (const page of pages) {
            expect(page.length).toBeLessThanOrEqual(limit);
            expect(page).toEqual([...page].sort(byNewest));
          }
        },
      ),
    );
  });

  it("is the whole public feed, without gaps, for somebody who follows nobody", () => {
    fc.assert(
      fc.property(feed, fc.integer({ min: 1, max: 30 }), (everybody, limit) => {
        // A millisecond with more videos than fit on a page cannot be paged by time.
        const crowded = everybody.some(
          (one) => everybody.filter((other) => other.publishedAtMs === one.publishedAtMs).length > limit,
        );
        fc.pre(!crowded);
        expect(walk(everybody, new Set(), limit).flat()).toEqual(everybody);
      }),
    );
  });

  it("shows followed authors on the first page however much others publish", () => {
    const others = Array.from({ length: 100 }, (_, i) => ({
      publishedAtMs: 1000 + i,
      videoId: `${i + 1}`,
    })).sort(byNewest);
    const followed = [{ publishedAtMs: 5, videoId: "900" }];
    const page = classicPage(followed, others.slice(0, 61), 30);
    expect(page).toHaveLength(30);
    expect(page.at(-1)).toEqual(followed[0]);
  });
});

describe("byNewest", () => {
  it("orders ids as numbers, beyond what JavaScript counts", () => {
    const ids = ["9", "10", "9007199254740993", "9007199254740992"];
    const sorted = ids.map((videoId) => ({ publishedAtMs: 1, videoId })).sort(byNewest);
    expect(sorted.map((one) => one.videoId)).toEqual(["9007199254740993", "9007199254740992", "10", "9"]);
  });
});

describe("mergeNewest", () => {
  it("has every video once", () => {
    fc.assert(
      fc.property(feed, feed, (a, b) => {
        const merged = mergeNewest(a, b);
        expect(new Set(merged.map((one) => one.videoId))).toEqual(
          new Set([...a, ...b].map((one) => one.videoId)),
        );
        expect(merged).toHaveLength(new Set([...a, ...b].map((one) => one.videoId)).size);
      }),
    );
  });
});

describe("isLarge", () => {
  it("changes at the threshold on the way up and a fifth below it on the way down", () => {
    expect(isLarge(4999, false, 5000)).toBe(false);
    expect(isLarge(5000, false, 5000)).toBe(true);
    expect(isLarge(4000, true, 5000)).toBe(true);
    expect(isLarge(3999, true, 5000)).toBe(false);
  });
});
