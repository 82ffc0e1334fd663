import { setTimeout as delay } from "node:timers/promises";

/** How long one of several databases may take until the others are heard without it. */
const patienceMs = 250;

/** Waits for this, but not for long. */
export async function waitBriefly(done: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  await Promise.race([done, delay(patienceMs, undefined, { signal: timer.signal }).catch(() => {})]);
  timer.abort();
}

/** Those that come in time; if none does, the first that comes at all. Error: when that is one. */
export async function answersOf<Answer>(asked: readonly Promise<Answer>[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  await waitBriefly(Promise.allSettled(asked.map((one) => one.then((answer) => void answers.push(answer)))));
  return answers.length > 0 || asked.length === 0 ? [...answers] : [await Promise.race(asked)];
}
