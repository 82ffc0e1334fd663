import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { isAlive } from "#platform/postgres/process-alive.ts";

const psMs = 5_000;

/**
 * When a process was started, in words that no other process with the same id has; undefined when there is none. An id
 * alone is no proof: after a while it belongs to somebody else.
 */
export function processStart(pid: number): string | undefined {
  if (!isAlive(pid)) return undefined;
  if (process.platform === "linux") return linuxStart(pid);
  try {
    const args = ["-o", "lstart=", "-p", String(pid)];
    return execFileSync("ps", args, { timeout: psMs, encoding: "utf8" }).trim() || undefined;
  } catch {
    return undefined;
  }
}

function linuxStart(pid: number): string | undefined {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    // The name of the program may contain anything, so fields are counted from its end; ticks since the boot.
    const ticks = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ")[19];
    return `${boot} ${ticks}`;
  } catch {
    return undefined;
  }
}
