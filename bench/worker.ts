import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A script of this folder in a process of its own, which answers questions one at a time. */
export interface Worker<Question, Answer> {
  readonly pid: number;
  ask(question: Question): Promise<Answer>;
  stop(): Promise<void>;
}

type Reply<Answer> = { answer: Answer } | { error: string };

/** The longest that one question may take. */
const answerMs = 120_000;

/** Starts `load/…` or `ceilings/…`, as built beside this file. */
export function startWorker<Question extends object, Answer>(script: string): Worker<Question, Answer> {
  const path = fileURLToPath(new URL(`./${script}.js`, import.meta.url));
  const child = fork(path, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  return {
    pid: child.pid!,
    async ask(question) {
      const signal = AbortSignal.timeout(answerMs);
      child.send(question);
      const reply = (await Promise.race([
        once(child, "message", { signal }).then(([it]) => it),
        died(child),
      ])) as Reply<Answer> | undefined;
      if (!reply) throw new Error(`${script} ended before it answered`);
      if ("error" in reply) throw new Error(`${script}: ${reply.error}`);
      return reply.answer;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

async function died(child: ChildProcess): Promise<undefined> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

/** The other side: what such a script does with each question. It ends with the process that asks. */
export function answerQuestions<Question, Answer>(answer: (question: Question) => Promise<Answer>): void {
  process.on("message", (question: Question) => {
    answer(question).then(
      (it) => process.send!({ answer: it }),
      (error) => process.send!({ error: String(error?.stack ?? error) }),
    );
  });
  process.on("disconnect", () => process.exit());
}
