import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

/** What a thread is asked, and does with @node-rs/argon2. */
export type HashingTask =
  | { do: "hash"; password: string; options: object }
  | { do: "verify"; hash: string; password: string };

export interface HashingThread {
  /** Tasks are done one at a time, in the order in which they come. */
  run(task: HashingTask): Promise<string | boolean>;
  /** How many it has been given and not answered. */
  busy(): number;
  stop(): Promise<void>;
}

/**
 * The program of the thread. It gives itself a low priority (on Linux a thread has one of its own), so that
 * whatever else wants the processor for a moment gets it at once; not the lowest, so that people can still log in
 * when the machine is busy.
 */
const program = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { hashSync, verifySync } = require(workerData);
  try {
    const thread = require("node:fs").readlinkSync("/proc/thread-self").split("/").pop();
    require("node:os").setPriority(Number(thread), 10);
  } catch {}
  parentPort.on("message", (task) => {
    try {
      const value = task.do === "hash"
        ? hashSync(task.password, task.options)
        : verifySync(task.hash, task.password);
      parentPort.postMessage({ value });
    } catch (error) {
      parentPort.postMessage({ error: String(error) });
    }
  });
`;

/** A thread that hashes passwords: started with the first one, and again should it ever end. */
export function hashingThread(): HashingThread {
  const library = createRequire(import.meta.url).resolve("@node-rs/argon2");
  let worker: Worker | undefined;
  /** Of those who wait, the one that is worked for first. */
  let waiting: ((answer: { value: string | boolean } | { error: string }) => void)[] = [];

  function start(): Worker {
    // Without our own arguments: they may change how the program is read.
    const started = new Worker(program, { eval: true, workerData: library, execArgv: [] });
    started.on("message", (answer) => waiting.shift()?.(answer));
    const ended = (why: unknown) => {
      if (worker !== started) return;
      worker = undefined;
      const told = waiting;
      waiting = [];
      for (const settle of told) settle({ error: `the hashing thread has ended: ${why}` });
    };
    started.on("error", ended);
    started.on("exit", ended);
    return started;
  }

  return {
    run: (task) =>
      new Promise((resolve, reject) => {
        worker ??= start();
        const running = worker;
        waiting.push((answer) => {
          // Only while it works does it keep the process alive.
          if (waiting.length === 0) running.unref();
          if ("error" in answer) reject(new Error(answer.error));
          else resolve(answer.value);
        });
        running.ref();
        running.postMessage(task);
      }),
    busy: () => waiting.length,
    stop: async () => void (await worker?.terminate()),
  };
}
