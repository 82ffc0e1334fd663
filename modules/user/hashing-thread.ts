import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";

/** A task for the thread, which runs it with @node-rs/argon2. */
export type HashingTask =
  | { do: "hash"; password: string; options: object }
  | { do: "verify"; hash: string; password: string };

export interface HashingThread {
  /** Tasks run one at a time, in order. */
  run(task: HashingTask): Promise<string | boolean>;
  /** Tasks given and not answered yet. */
  busy(): number;
  stop(): Promise<void>;
}

/**
 * The program of the thread. It lowers its priority (on Linux a thread has its own), so that other work gets the
 * processor at once; not to the lowest, so that people can log in while the machine is busy.
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

/** A thread that hashes passwords. It starts with the first one, and again if it ever ends. */
export function hashingThread(): HashingThread {
  const library = createRequire(import.meta.url).resolve("@node-rs/argon2");
  let worker: Worker | undefined;
  /** In the order of their tasks; the first one's is in progress. */
  let waiting: ((answer: { value: string | boolean } | { error: string }) => void)[] = [];

  function start(): Worker {
    // Without our own arguments, which may change how the program is read.
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
          // It keeps the process alive only while it works.
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
