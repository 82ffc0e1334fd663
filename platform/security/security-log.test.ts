import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../db/database.ts";
import { createLog } from "../observe/log.ts";
import { createModuleDatabase } from "../testing/module-database.ts";
import { createSecurityLog } from "./security-log.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase>>;
beforeAll(async () => {
  own = await createModuleDatabase("anything", "1", { "0001-nothing": "select 1" });
});
afterAll(() => own.drop());
const rows = async () =>
  (
    await own.database.pool.query(
      "select kind, user_id, address, reason, times from security.entry order by id",
    )
  ).rows;

test("equal entries are merged with their number, and an attack from everywhere is bounded", async () => {
  const security = createSecurityLog(own.database.of("security"), createLog("silent"));
  for (let i = 0; i < 3; i++) security.note({ kind: "login-failed", userId: "7", address: "203.0.113.1" });
  for (let i = 0; i < 1000; i++)
    security.note({ kind: "login-refused", address: `198.51.100.${i}`, reason: "X" });
  await security.stop();
  const kept = await rows();
  expect(kept[0]).toMatchObject({ kind: "login-failed", user_id: "7", address: "203.0.113.1", times: 3 });
  expect(kept.length).toBeLessThanOrEqual(52);
  expect(kept.reduce((sum, row) => sum + row.times, 0)).toBe(1003);
});

test("written entries stay as they were, whatever they contain", async () => {
  const { pool } = own.database;
  const security = createSecurityLog(own.database.of("security"), createLog("silent"));
  await security.write({
    kind: "video-held",
    actorId: "9",
    subject: "video 1",
    reason: `a\0b${"x".repeat(9999)}`,
  });
  const last = (await rows()).at(-1);
  expect(last.reason).toHaveLength(299);
  await expect(pool.query("update security.entry set reason = ''")).rejects.toThrow("only added to");
  await security.stop();
});

test("an entry that is written within a transaction is there when that is", async () => {
  const db = own.database.of("security");
  const security = createSecurityLog(db, createLog("silent"));
  const before = (await rows()).length;
  const changing = db.transaction().execute(async (transaction) => {
    await security.write({ kind: "comment-deleted", actorId: "9" }, transaction);
    throw new Error("not after all");
  });
  await expect(changing).rejects.toThrow("not after all");
  expect(await rows()).toHaveLength(before);
  await security.stop();
});

test("an entry that cannot be written fails like any other change", async () => {
  const away = openDatabase("postgres://nobody@127.0.0.1:1/none", { log: createLog("silent") });
  const security = createSecurityLog(away.of("security"), createLog("silent"));
  await expect(security.write({ kind: "video-held", actorId: "9" })).rejects.toMatchObject({
    reason: "DATABASE_UNAVAILABLE",
  });
  await security.stop();
  await away.close();
});
