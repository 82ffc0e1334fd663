import { expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { byNewest, type Entry, endPage } from "./rules.ts";

/** Published videos with many in the same millisecond. */
const feed = (perMillisecond: number) =>
  fc
    .array(fc.integer({ min: 1, max: perMillisecond }), { maxLength: 30 })
    .map((counts) =>
      counts.flatMap((count, ms) =>
        Array.from({ length: count }, (_, i) => ({
          publishedAtMs: 1000 + ms,
          videoId: String(ms * 100 + i + 1),
        })),
      ),
    )
    .map((entries) => entries.sort(byNewest));

/** Asks for page after page as a client does, each time with one entry more than it shows. */
function walk(everybody: Entry[], limit: number, wholeMilliseconds: boolean): Entry[][] {
  const pages: Entry[][] = [];
  let isOlder = (_entry: Entry) => true;
  for (;;) {
    const { page, more } = endPage(everybody.filter(isOlder).slice(0, limit + 1), limit, wholeMilliseconds);
    if (page.length > 0) pages.push(page);
    if (!more) return pages;
    const last = page.at(-1)!;
    isOlder = wholeMilliseconds
      ? (entry) => entry.publishedAtMs < last.publishedAtMs
      : (entry) => byNewest(entry, last) > 0;
  }
}

test("walking the pages by position repeats nothing and skips nothing", () => {
  fc.assert(
    fc.property(feed(9), fc.integer({ min: 1, max: 7 }), (everybody, limit) => {
      const pages = walk(everybody, limit, false);
      expect(pages.flat()).toEqual(everybody);
      for (const page of pages.slice(0, -1)) expect(page).toHaveLength(limit);
    }),
  );
});

test("walking by time alone repeats nothing and skips nothing, while a millisecond fits on a page", () => {
  fc.assert(
    fc.property(feed(4), fc.integer({ min: 4, max: 9 }), (everybody, limit) => {
      const pages = walk(everybody, limit, true);
      expect(pages.flat()).toEqual(everybody);
      for (const page of pages) expect(page.length).toBeLessThanOrEqual(limit);
    }),
  );
});

test("a millisecond that fits on no page is cut, nothing is repeated and the walk ends", () => {
  fc.assert(
    fc.property(feed(9), fc.integer({ min: 1, max: 4 }), (everybody, limit) => {
      const ids = walk(everybody, limit, true)
        .flat()
        .map((entry) => entry.videoId);
      expect(new Set(ids).size).toBe(ids.length);
      const milliseconds = new Set(everybody.map((entry) => entry.publishedAtMs));
      const seen = new Set(
        everybody.filter((entry) => ids.includes(entry.videoId)).map((entry) => entry.publishedAtMs),
      );
      expect(seen).toEqual(milliseconds);
    }),
  );
});

test("exactly as many as asked for is the end", () => {
  const entries = [{ publishedAtMs: 2 }, { publishedAtMs: 1 }];
  expect(endPage(entries, 2, true)).toEqual({ page: entries, more: false });
  expect(endPage(entries, 1, true)).toEqual({ page: [entries[0]], more: true });
  expect(endPage([], 2, false)).toEqual({ page: [], more: false });
});
