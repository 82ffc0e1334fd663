import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { refusal } from "#contracts/reasons.ts";
import { boundLog } from "#platform/postgres/postgres-log.ts";
import { environmentWith } from "../config.ts";
import type { ClusterProcess } from "./cluster-record.ts";
import type { Part } from "./part.ts";

const maxLogBytes = 8 * 2 ** 20;
const readyMs = 120_000;
const pollMs = 100;
/** A process that dies is started again after so long, and twice as long when that does not last. */
const firstDelayMs = 100;
const longestDelayMs = 10_000;
/** One that has run for so long has started well. */
const wellMs = 30_000;
const shownLogBytes = 2_000;

export interface SupervisorOptions {
  /** Where each process has its log. */
  logDir: string;
  /** Called with what runs now whenever that changes, before anything waits. */
  changed(processes: ClusterProcess[]): void;
  /** A sentence for whoever looks on. */
  say(sentence: string): void;
}

/** Starts processes, starts again what dies, and stops them. */
export interface Supervisor {
  /** Resolves when it serves. Error: CLUSTER_PART_FAILED. */
  start(part: Part): Promise<void>;
  /** Stops those of these roles together; kills what has not ended after `graceMs`. */
  stop(roles: string[], graceMs: number): Promise<void>;
}

interface Running {
  readonly part: Part;
  readonly child: ChildProcess;
  readonly startedMs: number;
  isGone: boolean;
  /** Resolves with how it ended. */
  readonly gone: Promise<string>;
}

export function createSupervisor({ logDir, changed, say }: SupervisorOptions): Supervisor {
  const running = new Map<string, Running>();
  const stopping = new Set<string>();
  mkdirSync(logDir, { recursive: true });

  async function launch(part: Part): Promise<Running> {
    const logFile = join(logDir, `${part.name}.log`);
    await boundLog(logFile, maxLogBytes);
    if (stopping.has(part.role)) throw new Error(`${part.name} is not started any more`);
    const log = openSync(logFile, "a", 0o600);
    const child = spawn(part.program, part.args, {
      env: environmentWith(part.settings ?? {}),
      stdio: ["ignore", log, log],
      // A group of its own: Ctrl-C in the terminal is for us, and we stop them in order.
      detached: true,
    });
    closeSync(log);
    const one: Running = { part, child, startedMs: Date.now(), isGone: false, gone: gone(child) };
    one.gone.then(() => {
      one.isGone = true;
      if (running.get(part.name) === one) running.delete(part.name);
      report();
    });
    if (child.pid !== undefined) running.set(part.name, one);
    report();
    return one;
  }

  function report(): void {
    changed(
      [...running.values()].map(({ part, child }) => {
        const { name, role, address, health } = part;
        return { name, role, pid: child.pid!, address, ...(health && { health }) };
      }),
    );
  }

  /** Starts it again whenever it ends, until it is stopped. */
  async function keep(first: Running): Promise<void> {
    const { part } = first;
    let delayMs = firstDelayMs;
    for (let one: Running | undefined = first; !stopping.has(part.role); ) {
      const how = await one?.gone;
      if (stopping.has(part.role)) return;
      if (one) say(`${part.name} (process ${one.child.pid}) ended by ${how}; starting it again`);
      delayMs = one && Date.now() - one.startedMs > wellMs ? firstDelayMs : delayMs;
      await delay(delayMs);
      delayMs = Math.min(2 * delayMs, longestDelayMs);
      one = await launch(part).catch(() => undefined);
    }
  }

  async function stopOne({ child, isGone, gone }: Running, graceMs: number): Promise<void> {
    if (isGone) return;
    child.kill("SIGTERM");
    // One that was paused hears nothing else.
    child.kill("SIGCONT");
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    await gone;
    clearTimeout(timer);
  }

  return {
    async start(part) {
      const one = await launch(part);
      for (const deadline = Date.now() + readyMs; !(await part.serves()); await delay(pollMs)) {
        if (!one.isGone && Date.now() < deadline && !stopping.has(part.role)) continue;
        const log = join(logDir, `${part.name}.log`);
        const said = readFileSync(log, "utf8").slice(-shownLogBytes).trim();
        throw refusal("CLUSTER_PART_FAILED", { name: part.name, log, said: said || "nothing" });
      }
      void keep(one);
    },
    async stop(roles, graceMs) {
      for (const role of roles) stopping.add(role);
      const those = [...running.values()].filter(({ part }) => roles.includes(part.role));
      await Promise.all(those.map((one) => stopOne(one, graceMs)));
    },
  };
}

function gone(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `itself with ${code}`));
  });
}
