import { expect, test } from "vitest";
import { lastTable } from "./last-table.ts";

test("the figures of all tables are known by name, and nothing else is", () => {
  const table = lastTable(`
| name | before: ours / ceiling | ratio |
|---|---|---|
| following | 1,514 / 703 µs | 2.15 |

| name | unit | ours | ceiling | ratio | budget | met |
|---|---|---|---|---|---|---|
| start | ms | 1,212 | 59 | | ≤ 3 s in all | yes |
| swipe loopback file | ms p75 | 48.5 | | | ≤ 100 | yes |

| swipe | from the key to the next film's first moving frame | 100 |

| name  | unit | ours  | ceiling | ratio | budget | met |
| ----- | ---- | ----- | ------- | ----- | ------ | --- |
| start | ms   | 1,300 |         |       |        |     |`);
  expect([...table]).toEqual([
    ["start", 1300],
    ["swipe loopback file", 48.5],
  ]);
});
