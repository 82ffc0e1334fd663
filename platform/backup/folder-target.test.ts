import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { backupTargetContract } from "#platform/testing/backup-target-contract.ts";
import { folderTarget } from "./folder-target.ts";

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "douya-target-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return join(dir, "not there yet");
}

backupTargetContract(async () => folderTarget(await folder()));

test("what a killed process was writing is not listed, and removed", async () => {
  const dir = await folder();
  const target = folderTarget(dir);
  await target.put("a", (async function* () {})());
  await writeFile(join(dir, "b.of-a-process.unfinished"), "half");
  const listed = [];
  for await (const { path } of target.list("")) listed.push(path);
  expect(listed).toEqual(["a"]);
  await target.removeUnfinished();
  await expect(rm(join(dir, "b.of-a-process.unfinished"))).rejects.toThrow("ENOENT");
});
