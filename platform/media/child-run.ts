import { type ChildProcessByStdio, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { constants, setPriority } from "node:os";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { refusal } from "../errors/reasons.ts";
import { refusals } from "./refusals.ts";

export interface ChildBounds {
  signal: AbortSignal;
  timeoutMs: number;
  maxMemoryBytes: number;
  /** Somebody waits for it: it gets a share of a busy processor, where others get what is left. */
  awaited?: boolean | undefined;
  /** Arguments before the program that confine it. */
  prefix?: readonly string[] | undefined;
  /** Open files of ours, which the child has as descriptors from 3 on. */
  lent?: { fds: readonly number[] } | undefined;
}

/** The child itself failed or crashed; usually the media is the cause. */
export class ChildFailed extends Error {
  constructor(program: string, exit: number | NodeJS.Signals | null, stderr: string) {
    super(`${program} ended with ${exit}: ${stderr.trim().slice(-1000) || "no message"}`);
    this.name = "ChildFailed";
  }
}

/** A minute of samples, or the description of a file with very many streams. */
const MAX_OUTPUT_BYTES = 4 * 1024 ** 2;
const MAX_ERROR_BYTES = 64 * 1024;
const WATCH_MS = 100;
/** As FFmpeg and Node.js word it. */
const OUT_OF_MEMORY = /cannot allocate memory|allocation failed|out of memory/i;
/** No variables of ours: a decoder that a file has taken over finds no secret there. */
const ENVIRONMENT = { PATH: "/usr/local/bin:/usr/bin:/bin", LANG: "C" };

/**
 * Runs a program without a shell at a low priority and resolves with its output, or passes it on line by line.
 * The child has ended whenever this settles. Rejects with the signal's reason, MEDIA_TIMEOUT, MEDIA_TOO_HEAVY,
 * DISK_FULL, or ChildFailed.
 */
export async function runChild(
  program: string,
  args: string[],
  bounds: ChildBounds,
  onLine?: (line: string) => void,
): Promise<Buffer> {
  bounds.signal.throwIfAborted();
  const [file, ...all] = [...(bounds.prefix ?? []), program, ...args];
  const child = spawn(file!, all, {
    stdio: ["ignore", "pipe", "pipe", ...(bounds.lent?.fds ?? [])],
    env: ENVIRONMENT,
  }) as ChildProcessByStdio<null, Readable, Readable>;
  const { pid } = child;
  if (pid !== undefined) yieldToOthers(pid, bounds.awaited);

  let cause: unknown;
  const end = (reason: unknown) => {
    cause ??= reason;
    child.kill("SIGKILL");
  };
  const onAbort = () => end(bounds.signal.reason);
  bounds.signal.addEventListener("abort", onAbort, { once: true });
  const deadline = setTimeout(() => end(refusals.timeout(bounds.timeoutMs)), bounds.timeoutMs);
  const watch = setInterval(async () => {
    if (pid !== undefined && (await residentBytes(pid)) > bounds.maxMemoryBytes) end(refusals.tooHeavy());
  }, WATCH_MS);

  const output: Buffer[] = [];
  let outputBytes = 0;
  if (onLine) createInterface({ input: child.stdout }).on("line", onLine);
  else
    child.stdout.on("data", (chunk: Buffer) => {
      outputBytes += chunk.length;
      if (outputBytes > MAX_OUTPUT_BYTES) end(refusals.tooHeavy());
      else output.push(chunk);
    });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors = (errors + chunk).slice(-MAX_ERROR_BYTES);
  });

  try {
    const exit = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
      child.once("error", reject).once("close", (code, signalName) => resolve(code ?? signalName));
    });
    if (cause !== undefined) throw cause;
    if (exit === 0) return Buffer.concat(output);
    if (/no space left on device/i.test(errors)) throw refusal("DISK_FULL");
    // Killed by the system: at its limit of processor time, or because memory ran out.
    if (exit === "SIGKILL" || OUT_OF_MEMORY.test(errors)) throw refusals.tooHeavy();
    throw new ChildFailed(program, exit, errors);
  } finally {
    clearTimeout(deadline);
    clearInterval(watch);
    bounds.signal.removeEventListener("abort", onAbort);
  }
}

/** Set before the child starts threads, which inherit it. */
function yieldToOthers(pid: number, awaited = false): void {
  const { PRIORITY_BELOW_NORMAL, PRIORITY_LOW } = constants.priority;
  try {
    setPriority(pid, awaited ? PRIORITY_BELOW_NORMAL : PRIORITY_LOW);
  } catch {
    // It has ended already.
  }
}

async function residentBytes(pid: number): Promise<number> {
  try {
    const status = await readFile(`/proc/${pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0; // It has ended, or this is not Linux.
  }
}
