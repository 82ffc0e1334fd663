import { afterAll, beforeAll, expect, test } from "vitest";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { interestStore } from "./interest-store.ts";
import { migrations } from "./migrations.ts";
import { maxInterests } from "./rules.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("interaction", "interests", migrations);
  const { pool } = own.database;
  // Video n is by author 1000 + n % 700; the last one was removed.
  await pool.query(
    `insert into interaction.video (video_id, author_id, removed)
     select n, 1000 + n % 700, n = 2000 from generate_series(1, 2000) n`,
  );
  // Person 1 likes the videos 1 to 600 in this order, dislikes 601, has commented on 650 and, long ago, on 651.
  await pool.query(
    `insert into interaction.reaction (video_id, user_id, reaction, id) select n, 1, 1, n from generate_series(1, 600) n`,
  );
  await pool.query(
    "insert into interaction.reaction values (601, 1, -1, 601), (7, 2, 1, 1), (2000, 2, 1, 2)",
  );
  await pool.query(
    `insert into interaction.comment (video_id, id, author_id, text, sequence, floor)
     values (650, 2, 1, '', 1, 1), (651, 1, 1, '', 1, 1)`,
  );
  await pool.query(
    `insert into interaction.comment (video_id, id, author_id, text, sequence, floor)
     select 652, 10 + n, 1, '', n, n from generate_series(1, $1::int) n`,
    [maxInterests - 1],
  );
});
afterAll(() => own.drop());

test("are the authors of the newest likes and of the newest comments, each once and in the order asked", async () => {
  const [one, nobody, two] = await interestStore(own.db)(["1", "3", "2"]);
  const expected = Array.from({ length: maxInterests }, (_, i) => String(1000 + 101 + i));
  expect(new Set(one)).toEqual(new Set([...expected, "1650", "1652"]));
  expect(one).toHaveLength(maxInterests + 2);
  expect(nobody).toEqual([]);
  // Removed videos count for no interest.
  expect(two).toEqual(["1007"]);
});

test("leave out the person themselves", async () => {
  await own.database.pool.query("insert into interaction.reaction values (8, 1008, 1, 3)");
  expect(await interestStore(own.db)(["1008"])).toEqual([[]]);
});
