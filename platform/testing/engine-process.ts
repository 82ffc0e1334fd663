import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { patienceMs } from "./patience.ts";

/** A process of an engine that a test starts, kills, and starts again at the same address. */
export interface EngineProcess {
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on its data. */
  restart(): Promise<void>;
}

/** Starts a program of the PATH, and waits until it is ready; errors of `isReady` count as not yet. */
export async function startEngine(
  program: string,
  args: readonly string[],
  isReady: () => Promise<boolean>,
): Promise<EngineProcess> {
  let child: ChildProcess | undefined;

  async function restart(): Promise<void> {
    const started = spawn(program, args, { stdio: "ignore" });
    child = started;
    let failure: unknown;
    started.once("error", (error) => {
      failure = error;
    });
    for (const deadline = Date.now() + patienceMs; !(await isReady().catch(() => false)); await delay(50)) {
      if (failure) throw failure;
      if (started.exitCode !== null || Date.now() > deadline) throw new Error(`${program} did not start`);
    }
  }

  await restart();
  return {
    signal: (signal) => void child?.kill(signal),
    async kill() {
      if (!child || child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
    restart,
  };
}
