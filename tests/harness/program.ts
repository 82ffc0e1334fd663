import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { patienceMs } from "#platform/testing/patience.ts";
import { within } from "./within.ts";

const builtProgram = fileURLToPath(new URL("../../bin/run-built.mjs", import.meta.url));

/** A process of the program. */
export interface Program {
  readonly pid: number;
  /** Everything it has written, to both outputs. */
  output(): string;
  /** What it wrote to standard output alone. */
  answer(): string;
  /** Resolves with the match once the output contains it; rejects if the process ends first. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  /** Settles when the process is gone and its output is complete. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, and SIGKILL if that does not work; resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Resident memory in bytes; undefined if the system does not tell. */
  memoryBytes(): number | undefined;
}

/** Starts `douya <args>` with no environment but `env`, PATH and the temporary folder. */
export function startProgram(args: string[], env: Record<string, string>, file = builtProgram): Program {
  const { PATH = "", HOME = "", TMPDIR } = process.env;
  const child: ChildProcess = spawn(process.execPath, [file, ...args], {
    // Outside of the checkout, so that no configuration file there is read.
    cwd: tmpdir(),
    env: { PATH, HOME, ...(TMPDIR && { TMPDIR }), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let answer = "";
  child.stdout!.setEncoding("utf8").on("data", (text) => {
    output += text;
    answer += text;
  });
  child.stderr!.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  let gone = false;
  ended.finally(() => {
    gone = true;
  });
  const signal = (name: NodeJS.Signals) => {
    if (!gone) child.kill(name);
  };

  return {
    pid: child.pid!,
    output: () => output,
    answer: () => answer,
    ended,
    signal,
    printed(pattern) {
      const seen = new Promise<RegExpExecArray>((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output);
          if (match) resolve(match);
        };
        look();
        child.stdout!.on("data", look);
        child.stderr!.on("data", look);
        ended.then(() => {
          look();
          reject(new Error(`douya ${args.join(" ")} ended before it printed ${pattern}:\n${output}`));
        }, reject);
      });
      return within(seen, () => `douya ${args.join(" ")} did not print ${pattern}:\n${output}`);
    },
    async stop() {
      signal("SIGTERM");
      const timer = setTimeout(() => signal("SIGKILL"), patienceMs);
      await ended;
      clearTimeout(timer);
    },
    async kill() {
      signal("SIGKILL");
      await ended;
    },
    memoryBytes() {
      if (process.platform !== "linux") return undefined;
      const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
    },
  };
}
