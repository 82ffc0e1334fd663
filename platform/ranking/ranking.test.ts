import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Transaction } from "../db/database.ts";
import { takeTurn } from "../db/take-turn.ts";
import { inTransaction } from "../db/transaction.ts";
import { refusal } from "../errors/reasons.ts";
import { drifts } from "../testing/drifts.ts";
import { createModuleDatabase } from "../testing/module-database.ts";
import fc from "../testing/property.ts";
import { createRanking, type RankingChange, type RankingFacts } from "./ranking.ts";
import { countOfTotals, countsOfFacts } from "./ranking-counts.ts";
import { type RankedList, rankingTables } from "./ranking-tables.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const startMs = Date.UTC(2026, 0, 1);
const minutes = (name: string, count: number) => ({ name, bucketMs: minuteMs, buckets: count });
const lists: RankedList[] = [
  { name: "day", windows: [minutes("day", 24 * 60)] },
  { name: "week", windows: [{ name: "week", bucketMs: hourMs, buckets: 7 * 24 }] },
  { name: "hot", windows: [minutes("hot 1h", 60), minutes("hot 6h", 360), minutes("hot 24h", 24 * 60)] },
  { name: "all", windows: [] },
];
const described = { schema: "demo", key: "thing_id", lists };

/** What is ranked: a row for each number that was added, or taken back. */
const facts: RankingFacts = {
  inBuckets: (list, { bucketMs }, first) => sql`
    select thing_id, at_ms / ${sql.lit(bucketMs)}, sum(n) from demo.fact
    where list = ${sql.lit(list.name)} and at_ms >= ${first} * ${sql.lit(bucketMs)} group by 1, 2 having sum(n) <> 0`,
  ofAllTime: (list) => sql`
    select thing_id, sum(n) from demo.fact where list = ${sql.lit(list.name)} group by 1`,
};
const countOf =
  (list: RankedList) => (id: Parameters<RankingFacts["inBuckets"]>[2], from: typeof id, to: typeof id) =>
    sql`
    select coalesce(sum(n), 0) from demo.fact
    where list = ${list.name} and thing_id = ${id} and at_ms >= ${from} and at_ms < ${to}`;

let own: Awaited<ReturnType<typeof createModuleDatabase<object>>>;
let clockMs = startMs;
const turn = (on: Transaction<object>) => takeTurn(on, 7, () => refusal("BUSY"));
let ranking: ReturnType<typeof createRanking<object>>;
let known: RankingChange[] = [];

beforeAll(async () => {
  own = await createModuleDatabase<object>("demo", "rankings", {
    "0001-rankings": `
      create table demo.fact (thing_id int8 not null, list text not null, at_ms int8 not null, n int8 not null);
      ${rankingTables("demo", "thing_id")}`,
  });
  ranking = createRanking(own.db, { ...described, takeTurn: turn, now: () => clockMs });
});
afterAll(() => own.drop());
beforeEach(empty);

async function empty() {
  clockMs = startMs;
  known = [];
  await own.database.pool.query("truncate demo.fact, demo.ranking_bucket, demo.ranking_total");
}
const inTurn = (work: (on: Transaction<object>) => Promise<void>) =>
  inTransaction(own.db, async (transaction) => {
    await turn(transaction);
    await work(transaction);
  });
async function keep(on: Transaction<object>, changes: RankingChange[]) {
  await sql`
    insert into demo.fact (thing_id, list, at_ms, n)
    select * from unnest(${changes.map(({ id }) => id)}::int8[], ${changes.map(({ list }) => list.name)}::text[],
      ${changes.map(({ atMs }) => atMs)}::int8[], ${changes.map(({ n }) => n)}::int8[])`.execute(on);
}

/** What a list says, added up one by one. */
function naive({ name, windows }: RankedList) {
  const counts = new Map<string, bigint>();
  for (const { list, id, atMs, n } of known) {
    if (list.name !== name) continue;
    const times = windows.filter(
      ({ bucketMs, buckets }) => atMs >= Math.floor(clockMs / bucketMs) * bucketMs - buckets * bucketMs,
    ).length;
    counts.set(id, (counts.get(id) ?? 0n) + BigInt(n * (windows.length === 0 ? 1 : times)));
  }
  return [...counts]
    .filter(([, count]) => count > 0n)
    .map(([id, count]) => ({ id, count: Number(count) }))
    .sort((a, b) => b.count - a.count || Number(BigInt(b.id) - BigInt(a.id)));
}
async function compare() {
  for (const list of lists) {
    const expected = naive(list);
    for (const limit of [0, 1, 2, 50])
      expect(await ranking.top(list, limit), `${list.name}, ${limit}`).toEqual(expected.slice(0, limit));
  }
}

const thing = fc.integer({ min: 1, max: 6 }).map(String);
const added = fc.record({
  list: fc.constantFrom(...lists),
  id: thing,
  /** Told late. */
  agoMs: fc.constantFrom(0, 1, minuteMs, 59 * minuteMs, hourMs, 6 * hourMs, 24 * hourMs, 8 * 24 * hourMs),
  n: fc.integer({ min: 1, max: 12 }),
});
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ what: fc.constant("add" as const), all: fc.array(added, { maxLength: 5 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ what: fc.constant("set" as const), all: fc.array(added, { maxLength: 5 }) }),
  },
  // Of what is known, a part of it, in whatever order with what is new.
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("take back" as const),
      which: fc.array(fc.nat(), { maxLength: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant("wait" as const),
      ms: fc.constantFrom(
        1,
        minuteMs - 1,
        minuteMs,
        hourMs,
        5 * hourMs,
        23 * hourMs,
        24 * hourMs,
        6 * 24 * hourMs,
      ),
    }),
  },
  { weight: 2, arbitrary: fc.record({ what: fc.constant("expire" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ what: fc.constant("rebuild" as const), ids: fc.option(fc.array(thing)) }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("forget" as const), id: thing }) },
  { weight: 4, arbitrary: fc.record({ what: fc.constant("look" as const) }) },
);

test("equals a naive sum at any instant, in whatever order things are told, expired and looked at", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      await empty();
      for (const now of steps) {
        if (now.what === "wait") clockMs += now.ms;
        else if (now.what === "expire") await ranking.expire();
        else if (now.what === "rebuild")
          await inTurn((on) => ranking.rebuild(on, facts, now.ids ?? undefined));
        else if (now.what === "look") await compare();
        else if (now.what === "forget") {
          known = known.filter(({ id }) => id !== now.id);
          await inTurn(async (on) => {
            await sql`delete from demo.fact where thing_id = ${now.id}`.execute(on);
            await ranking.forget(on, [now.id]);
          });
        } else if (now.what === "take back") {
          const open = known.filter(({ n }) => n > 0);
          const taken = [...new Set(now.which.map((i) => open[i % open.length]))].flatMap((one) => one ?? []);
          // With what is added at the same time, and comes after it.
          const changes = taken.flatMap((one) => [
            { ...one, n: -one.n },
            { ...one, n: 1 },
          ]);
          for (const one of taken) one.n = 1;
          await inTurn(async (on) => {
            await keep(on, changes);
            await ranking.add(on, changes);
          });
        } else {
          const changes = now.all.map(({ list, id, agoMs, n }) => ({ list, id, atMs: clockMs - agoMs, n }));
          known.push(...changes.map((one) => ({ ...one })));
          await inTurn(async (on) => {
            await keep(on, changes);
            if (now.what === "add") return ranking.add(on, changes);
            for (const { list, id, atMs } of changes) {
              await ranking.set(on, list, [{ id, timesMs: [atMs] }], countOf(list));
              if (list.windows.length === 0)
                await ranking.setTotals(
                  on,
                  list,
                  sql`select thing_id, sum(n) from demo.fact where list = ${list.name} and thing_id = ${id} group by 1`,
                );
            }
          });
        }
      }
      await compare();
      const counts = [
        countOfTotals("totals", described),
        ...countsOfFacts("buckets", "all time", described, facts, sql.lit(clockMs)),
      ];
      expect(await drifts(own.database, counts)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("what is high only by what has expired hides nothing that is below", async () => {
  const [day] = lists as [RankedList];
  known = Array.from({ length: 60 }, (_, i) => ({ list: day, id: String(i + 100), atMs: clockMs, n: 1_000 }));
  const later = Array.from({ length: 5 }, (_, i) => ({
    list: day,
    id: String(i + 1),
    atMs: clockMs + 2 * minuteMs,
    n: i + 1,
  }));
  known.push(...later);
  await inTurn((on) => ranking.add(on, known));
  clockMs += 24 * hourMs + minuteMs;
  expect(await ranking.top(day, 2)).toEqual([
    { id: "5", count: 5 },
    { id: "4", count: 4 },
  ]);
  await compare();
  await ranking.expire();
  await compare();
});

test("leaves nothing of a window behind when it is over, or when all was taken back", async () => {
  const changes = lists.map((list) => ({ list, id: "1", atMs: clockMs, n: 3 }));
  await inTurn((on) => ranking.add(on, changes));
  await inTurn((on) =>
    ranking.add(
      on,
      changes.map((one) => ({ ...one, n: -3 })),
    ),
  );
  const left = async () =>
    (
      await own.database.pool.query(
        "select list from demo.ranking_bucket union all select list from demo.ranking_total order by 1",
      )
    ).rows.map(({ list }) => list);
  expect(await left()).toEqual([]);
  await inTurn((on) => ranking.add(on, changes));
  expect(await left()).toHaveLength(9);
  clockMs += 8 * 24 * hourMs;
  await ranking.expire();
  expect(await left()).toEqual(["all"]);
});

test("adding thousands of changes takes a handful of statements, and expires in steps", async () => {
  let statements = 0;
  const counted = own.db.withPlugin({
    transformQuery({ node }) {
      statements += 1;
      return node;
    },
    transformResult: async ({ result }) => result,
  });
  const changes = Array.from({ length: 10_000 }, (_, i) => ({
    list: lists[i % lists.length]!,
    id: String(1 + (i % 997)),
    atMs: clockMs - (i % 5) * minuteMs,
    n: i % 997 === 0 ? -1 : 2,
  }));
  known = changes;
  await counted.transaction().execute((on) => ranking.add(on, changes));
  expect(statements).toBe(4);
  await compare();
  clockMs += 24 * hourMs + 10 * minuteMs;
  await ranking.expire();
  const { rows } = await own.database.pool.query("select distinct list from demo.ranking_bucket");
  expect(rows).toEqual([{ list: "week" }]);
});

test("built anew and expired while many add to the same, it equals the facts", async () => {
  let building = true;
  const writers = Promise.all(
    Array.from({ length: 4 }, async (_, writer) => {
      // The last come after all was built anew: what they find must be right.
      for (let i = 0, more = true; more; i++) {
        more = building;
        const changes = lists.flatMap((list) =>
          [1, 2, 3].map((n) => ({
            ...{ list, n },
            id: String(10 * writer + ((i + n) % 40)),
            atMs: clockMs - (i % 25) * hourMs,
          })),
        );
        await inTransaction(own.db, async (transaction) => {
          // Facts first, as whoever counts has it: they are seen together with what is made of them.
          await keep(transaction, changes);
          await turn(transaction);
          await ranking.add(transaction, changes);
        });
        known.push(...changes);
      }
    }),
  );
  for (let i = 0; i < 20; i++) {
    await inTurn(async (on) => {
      await sql`update demo.ranking_total set n = n + 5`.execute(on);
      await ranking.rebuild(on, facts);
    });
    await ranking.expire();
  }
  building = false;
  await writers;
  await compare();
});
