import { Session } from "node:inspector/promises";
import { setTimeout as wait } from "node:timers/promises";
import { refusal } from "../errors/reasons.ts";

/** `cpu`: where time goes. `heap`: where memory was taken that is still held. Neither has any data in it. */
export const profileKinds = ["cpu", "heap"] as const;
export type ProfileKind = (typeof profileKinds)[number];

/** An HTTP connection that is silent for longer than 75 s is closed. */
export const maxProfileSeconds = 60;
/** Of a minute some 5 MB come about. */
const maxBytes = 64 * 2 ** 20;
/** Costs a few percent of the processor time. */
const cpuIntervalUs = 1_000;
/** One in so many bytes that are allocated. */
const heapIntervalBytes = 128 * 1024;

export interface Profiler {
  /**
   * A profile of this process in the JSON of V8, which the developer tools of browsers open. One at a time. Errors:
   * PROFILE_RUNNING, PROFILE_TOO_LARGE, and that of `signal`.
   */
  profile(kind: ProfileKind, seconds: number, signal: AbortSignal): Promise<string>;
}

export function createProfiler(): Profiler {
  let running = false;

  async function record(kind: ProfileKind, seconds: number, signal: AbortSignal): Promise<object> {
    const session = new Session();
    session.connect();
    try {
      if (kind === "heap") {
        await session.post("HeapProfiler.startSampling", { samplingInterval: heapIntervalBytes });
        await wait(seconds * 1000, undefined, { signal });
        return (await session.post("HeapProfiler.stopSampling")).profile;
      }
      await session.post("Profiler.enable");
      await session.post("Profiler.setSamplingInterval", { interval: cpuIntervalUs });
      await session.post("Profiler.start");
      await wait(seconds * 1000, undefined, { signal });
      return (await session.post("Profiler.stop")).profile;
    } finally {
      // Ends what still records.
      session.disconnect();
    }
  }

  return {
    async profile(kind, seconds, signal) {
      if (running) throw refusal("PROFILE_RUNNING");
      running = true;
      try {
        const text = JSON.stringify(await record(kind, seconds, signal));
        if (text.length > maxBytes) throw refusal("PROFILE_TOO_LARGE");
        return text;
      } finally {
        running = false;
      }
    },
  };
}
