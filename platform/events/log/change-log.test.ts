import { expect, onTestFinished, test } from "vitest";
import type { Database } from "../../db/database.ts";
import { refusal } from "../../errors/reasons.ts";
import { createLog } from "../../observe/log.ts";
import { changeLog } from "./change-log.ts";

function opened() {
  const database = { of: () => ({}), pool: { query: async () => ({}) } } as unknown as Database;
  const log = changeLog(database, createLog("silent"));
  onTestFinished(log.stop);
  return log;
}

test("a database that is busy for a moment is asked the next time; of one that is away nobody waits for the answer", async () => {
  const log = opened();
  const failing = (reason: "BUSY" | "DATABASE_UNAVAILABLE") =>
    log.ask(async () => {
      throw refusal(reason);
    });
  await expect(failing("BUSY")).rejects.toMatchObject({ reason: "BUSY" });
  expect(await log.ask(async () => "read")).toBe("read");
  await expect(failing("DATABASE_UNAVAILABLE")).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
  await expect(log.ask(async () => "read")).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
});
