import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { maxId } from "#platform/ids/snowflake.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { migrations } from "./migrations.ts";
import { searchStore } from "./search-store.ts";
import type { Tables } from "./tables.ts";

test("measure", async () => {
  const own = await createModuleDatabase<Tables>("message", "zz", migrations);
  const client = await own.database.pool.connect();
  await client.query("set statement_timeout = 0");
  const q = (s: string) => client.query(s);
  const out: string[] = [];
  await q(`insert into message.message (low_id, high_id, id, sender_id, content)
    select 1, 2, 1000 + g, 1 + g % 2, case when g % 10 = 0 then '哈哈 ' else '' end || md5(g::text) || case when g % 1000 = 0 then ' rarezz' else '' end from generate_series(1, 100000) g`);
  await q(`insert into message.message (low_id, high_id, id, sender_id, content)
    select 0, 100 + g % 500, 1000 + g, 3, '哈哈 ' || md5(g::text) from generate_series(1, 100000) g`);
  await q(
    `insert into message.group_chat (id, name, last_id) select 100 + g, 'x', 100000 from generate_series(0, 499) g`,
  );
  await q(
    `insert into message.member (group_id, user_id, role, since_id, joined_id, read_id, seen) select 100 + g, 1, 1, 0, 0, 0, 0 from generate_series(0, 499) g`,
  );
  await q(
    `insert into message.member (group_id, user_id, role, since_id, joined_id, read_id, seen) select 100 + g, 7, 1, 0, 0, 0, 0 from generate_series(0, 99) g`,
  );
  await q("vacuum analyze message.message, message.member, message.group_chat");
  for (const user of ["1", "2", "7"])
    for (const text of ["哈哈", "rarezz", "qqqq", "a1"]) {
      for (let i = 0; i < 2; i++) {
        const since = performance.now();
        const rows = await searchStore(own.db).search(user, text, maxId.toString(), 50);
        out.push(`${user} ${text} ${rows.length} rows ${(performance.now() - since).toFixed(0)} ms`);
      }
    }
  writeFileSync("/tmp/acts2b-search.txt", out.join("\n"));
  client.release();
  await own.drop();
  expect(1).toBe(1);
});
