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

/** Between two polls of what passes again. */
export const soonMs = 20;
/** Between two polls of something slow or expensive: each costs the server processor time, too. */
export const nowAndThenMs = 100;
/** How much longer a wait may be made by looking less and less often. */
const lateness = 1 / 16;

/**
 * Polls until `look` returns something; null, false and errors count as nothing until the time is over. Without
 * `pauseMs`, what comes soon is seen soon, and what takes long is looked at now and then.
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | Nothing> | T | Nothing,
  pauseMs?: number,
): Promise<T> {
  const sinceMs = Date.now();
  const untilMs = sinceMs + patienceMs;
  for (;;) {
    let problem: unknown;
    try {
      const found = await look();
      if (found !== undefined && found !== null && found !== false) return found;
    } catch (error) {
      problem = error;
    }
    if (Date.now() > untilMs) throw new Error(`${what}: not within ${patienceMs} ms`, { cause: problem });
    const longerMs = (Date.now() - sinceMs) * lateness;
    await delay(pauseMs ?? Math.min(nowAndThenMs, Math.max(soonMs, longerMs)));
  }
}
