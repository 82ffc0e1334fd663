import { expect, test } from "vitest";
import fc from "../testing/property.ts";
import { takePage } from "./take-page.ts";

test("pages of any size show every row once, and the last one says so", () =>
  fc.assert(
    fc.asyncProperty(
      fc.nat(40),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 12 }),
      async (count, asked, max) => {
        const all = Array.from({ length: count }, (_, i) => i);
        const shown: number[] = [];
        let pages = 0;
        for (let from: number | undefined = 0; from !== undefined; ) {
          const start: number = from;
          const { rows, after } = await takePage(asked, max, async (limit) =>
            all.slice(start, start + limit),
          );
          expect(rows.length).toBeLessThanOrEqual(Math.min(asked, max));
          if (after !== undefined) expect(after).toBe(rows.at(-1));
          shown.push(...rows);
          pages++;
          from = after === undefined ? undefined : after + 1;
        }
        expect(shown).toEqual(all);
        expect(pages).toBe(Math.max(1, Math.ceil(count / Math.min(asked, max))));
      },
    ),
  ));
