import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { isAlive } from "#platform/postgres/process-alive.ts";

const psMs = 5_000;
const pollMs = 10;

/** SIGKILL to a process and those it started, paused ones too; resolves when the process is gone. */
export async function killWithChildren(pid: number): Promise<void> {
  for (const each of [pid, ...(await childrenOf(pid))]) {
    try {
      process.kill(each, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
  while (isAlive(pid)) await delay(pollMs);
}

async function childrenOf(parent: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,ppid="], { timeout: psMs }).catch(
    () => ({ stdout: "" }),
  );
  return stdout
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, of]) => of === parent)
    .map(([pid]) => pid!);
}
