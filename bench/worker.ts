import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** A script of this folder in a separate process, which answers questions one at a time. */
export interface Worker<Question, Answer> {
  readonly pid: number;
  ask(question: Question): Promise<Answer>;
  stop(): Promise<void>;
}

type Reply<Answer> = { answer: Answer } | { error: string };

/** The longest time for one question. */
const answerMs = 120_000;

/** Starts `load/…` or `ceilings/…`, as built next to this file. */
export function startWorker<Question extends object, Answer>(script: string): Worker<Question, Answer> {
  const path = fileURLToPath(new URL(`./${script}.js`, import.meta.url));
  const child = fork(path, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const exited = once(child, "exit");
  let hear: ((reply: Reply<Answer>) => void) | undefined;
  child.on("message", (reply: Reply<Answer>) => hear?.(reply));
  return {
    pid: child.pid!,
    async ask(question) {
      const timer = new AbortController();
      const late = delay(answerMs, undefined, { signal: timer.signal }).then(
        () => ({ error: `no answer within ${answerMs} ms` }),
        () => ({ error: "not waited for any more" }),
      );
      const died = exited.then(() => ({ error: "ended before it answered" }));
      const answered = new Promise<Reply<Answer>>((resolve) => {
        hear = resolve;
      });
      child.send(question);
      const reply = await Promise.race([answered, died, late]);
      timer.abort();
      if ("error" in reply) throw new Error(`${script}: ${reply.error}`);
      return reply.answer;
    },
    async stop() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** The other side: the script's answer to each question. It ends with the process that asks. */
export function answerQuestions<Question, Answer>(answer: (question: Question) => Promise<Answer>): void {
  process.on("message", (question: Question) => {
    answer(question).then(
      (it) => process.send!({ answer: it }),
      (error) => process.send!({ error: String(error?.stack ?? error) }),
    );
  });
  process.on("disconnect", () => process.exit());
}
