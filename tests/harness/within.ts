import { setTimeout as delay } from "node:timers/promises";
import { patienceMs } from "#platform/testing/patience.ts";

/** Settles like `work`; rejects with `what()` if that takes too long. */
export async function within<T>(work: Promise<T>, what: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what()}\n(waited ${patienceMs} ms)`)), patienceMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

type Nothing = undefined | null | false;

const soonMs = 20;
/** Between two polls of something slow or expensive: each costs the server processor time, too. */
export const nowAndThenMs = 100;

/** Polls until `look` returns something; null, false and errors count as nothing until the time is over. */
export async function until<T>(
  what: string,
  look: () => Promise<T | Nothing> | T | Nothing,
  pauseMs = soonMs,
): Promise<T> {
  const untilMs = Date.now() + patienceMs;
  for (;;) {
    let problem: unknown;
    try {
      const found = await look();
      if (found !== undefined && found !== null && found !== false) return found;
    } catch (error) {
      problem = error;
    }
    if (Date.now() > untilMs) throw new Error(`${what}: not within ${patienceMs} ms`, { cause: problem });
    await delay(pauseMs);
  }
}
