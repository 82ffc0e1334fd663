import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { boundLog } from "./postgres-log.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-log-"));
});
afterEach(() => rm(folder, { recursive: true }));

test("a log past its bound moves aside, and its writer goes on at the start", async () => {
  const path = join(folder, "postgres.log");
  const writer = await open(path, "a");
  await writer.write("0123456789");
  await boundLog(path, 10);
  expect(await readFile(path, "utf8")).toBe("0123456789");
  await writer.write("x");
  await boundLog(path, 10);
  await writer.write("next");
  await writer.close();
  expect(await readFile(path, "utf8")).toBe("next");
  expect(await readFile(`${path}.1`, "utf8")).toBe("0123456789x");
});

test("no log yet is no error", async () => {
  await boundLog(join(folder, "absent.log"), 10);
});
