import { afterAll, beforeAll, expect, test } from "vitest";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { exportStore } from "./export-store.ts";
import { migrations } from "./migrations.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("user", "exports", migrations);
  await own.database.pool.query(
    `insert into "user".account (id, username, name_key, password_hash, name) values (1, 'ada', 'ada', '', 'Ada'), (2, 'ben', 'ben', '', 'Ben')`,
  );
});
afterAll(() => own.drop());
const key = `export/${"a".repeat(64)}.zip`;
const died = () => own.database.pool.query(`update "user".export set held_until = now() - interval '1 s'`);

test("each has a turn; whoever lost it changes nothing, and what kills everybody is given up", async () => {
  const store = exportStore(own.db);
  await store.ask("1", own.jobs);
  await store.ask("2", own.jobs);
  const first = (await store.take())!;
  expect(first).toMatchObject({ user_id: "1", username: "ada" });
  expect(await store.take()).toMatchObject({ user_id: "2" });
  expect(await store.take()).toBeUndefined();
  expect(await store.keep("1", first.ticket, 3, 9)).toBe(true);
  // Asked again, it is the same one.
  expect(await store.ask("1", own.jobs)).toMatchObject({ state: "waiting", done: 3, total: 9 });
  await died();
  const second = (await store.take())!;
  expect(second).toMatchObject({ user_id: "1" });
  expect(await store.keep("1", first.ticket, 4, 9)).toBe(false);
  await store.finish("1", first.ticket, key, 5);
  await store.giveUp("1", first.ticket);
  expect(await store.find("1")).toMatchObject({ state: "waiting", blob_key: "" });
  await store.finish("1", second.ticket, key, 5);
  expect(await store.find("1")).toMatchObject({ state: "ready", blob_key: key, size_bytes: "5" });
  await expect(store.ask("1", own.jobs)).rejects.toMatchObject({ reason: "EXPORT_TOO_SOON" });
  for (const turn of ["second", "third"]) {
    await died();
    expect(await store.take(), turn).toMatchObject({ user_id: "2" });
  }
  await died();
  expect(await store.take()).toBeUndefined();
  expect(await store.find("2")).toMatchObject({ state: "failed" });
  // What has failed may be asked for at once.
  expect(await store.ask("2", own.jobs)).toMatchObject({ state: "waiting", attempts: 0 });
});

test("what is a week old goes, with its file", async () => {
  const store = exportStore(own.db);
  await own.database.pool.query(`update "user".export set ready_at = ready_at - interval '8 days'`);
  expect(await store.find("1")).toBeUndefined();
  await store.expire(own.jobs);
  const { rows } = await own.database.pool.query(`select key from "user".job`);
  expect(rows).toEqual([{ key }]);
});
