import { Metadata } from "@grpc/grpc-js";

const name = "douya-load";

/** What a process says of its load in the trailers of each answer, in calls. */
export interface LoadReport {
  begun(): void;
  ended(): void;
  trailers(): Metadata;
  stop(): void;
}

const everyMs = 100;

/** Calls under way, and one more for each millisecond that the event loop is late: it is the queue before all others. */
export function createLoadReport(): LoadReport {
  let underWay = 0;
  let lateMs = 0;
  let dueMs = performance.now() + everyMs;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    lateMs = (lateMs + Math.max(0, nowMs - dueMs)) / 2;
    dueMs = nowMs + everyMs;
  }, everyMs).unref();
  return {
    begun: () => void underWay++,
    ended: () => void underWay--,
    trailers() {
      const trailers = new Metadata();
      trailers.set(name, String(Math.round(underWay + lateMs)));
      return trailers;
    },
    stop: () => clearInterval(timer),
  };
}

/** The load in these trailers; undefined when they say nothing of it that can be believed. */
export function loadIn(trailers: Metadata): number | undefined {
  const load = Number(trailers.get(name)[0] ?? Number.NaN);
  return load >= 0 && load < 1e6 ? load : undefined;
}
