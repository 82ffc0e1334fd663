import { afterAll, beforeAll, expect, test } from "vitest";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import { allTails } from "./all-tails.ts";

let owns: ModuleDatabase<unknown>[];
beforeAll(async () => {
  const create = () => createModuleDatabase("anything", "1", { "0001-nothing": "select 1" });
  owns = [await create(), await create()];
});
afterAll(() => Promise.all((owns ?? []).map((own) => own.drop())));

test("logs that are followed are shown whole, however much comes at once", async () => {
  const happens = (count: number) =>
    Promise.all(
      owns.map(({ database }) =>
        database.pool.query(
          "insert into events.log (partition, type, key, payload) select 0, 'x', 'y', '' from generate_series(1, $1::int)",
          [count],
        ),
      ),
    );
  await happens(3);
  const read = allTails(
    owns.map(({ database: { pool } }) => ({ pool })),
    { types: undefined, limit: 4 },
  );
  expect(await read()).toHaveLength(4);
  expect(await read()).toEqual([]);
  await happens(700);
  expect(await read()).toHaveLength(1400);
  expect(await read()).toEqual([]);
});
