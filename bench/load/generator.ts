import { answerQuestions } from "../worker.ts";
import { type Connection, openConnection } from "./connection.ts";

/**
 * One request for each pair of a `who` and a `what`, with `between` in the middle and `after` at the end. Neighbours
 * differ in both, and no pair occurs twice.
 */
export interface Pairs {
  who: string[];
  between: string;
  what: string[];
  after: string;
  /** How many pairs were used before. */
  from: number;
  /** Everybody with the first, then everybody with the second, and so on. */
  oneByOne?: boolean;
}

/** A load on one server. */
export interface Load {
  port: number;
  /** Sent in turn, unchanged, repeatedly. */
  requests: string[] | Pairs;
  connections: number;
  durationMs: number;
  /** Each request is sent at most once: it ends with the last one, or when the time is over. */
  once?: boolean;
  /**
   * Undefined: every connection sends as soon as it has its answer. Otherwise requests fall due at this constant rate
   * whatever the server does, and latency counts from when a request was due, not from when it could be sent (no
   * coordinated omission).
   */
  perSecond?: number;
  /** Answers that say that the server has too much to do, and when to come back, are no failures. */
  mayShed?: boolean;
}

export interface LoadResult {
  sent: number;
  /** Successful answers per second. */
  perSecond: number;
  succeeded: number;
  /** Neither a success nor, where that is allowed, shed. */
  failed: number;
  shed: number;
  p50Ms: number;
  p99Ms: number;
  maxMs: number;
  /** The share of a core that this process used: near 1 it measures itself. */
  generatorCpu: number;
}

/** The time for requests in progress when the time is over. */
const drainMs = 10_000;

answerQuestions(generate);

async function generate(load: Load): Promise<LoadResult> {
  let fail: (error: Error) => void = () => {};
  const failure = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failure.catch(() => {});
  const opening = Array.from({ length: load.connections }, () => openConnection(load.port, fail));
  const connections = await Promise.race([Promise.all(opening), failure]);
  const requestOf = requestsOf(load.requests);
  const latenciesMs: number[] = [];
  const counted = { failed: 0, shed: 0, sent: 0 };
  const most = load.once && Array.isArray(load.requests) ? load.requests.length : Number.POSITIVE_INFINITY;
  const cpu = process.cpuUsage();
  const startedMs = performance.now();
  const send = (connection: Connection, sinceMs: number, then: () => void) => {
    connection.send(requestOf(counted.sent++), (outcome) => {
      if (outcome === "success") latenciesMs.push(performance.now() - sinceMs);
      else if (outcome === "shed" && load.mayShed) counted.shed++;
      else counted.failed++;
      then();
    });
  };
  try {
    const running = load.perSecond
      ? constantRate(connections, load.perSecond, load.durationMs, send)
      : asFastAsItGoes(connections, load.durationMs, () => counted.sent < most, send);
    await Promise.race([running, failure, tooLong(load.durationMs + drainMs)]);
  } finally {
    for (const connection of connections) connection.close();
  }
  const tookMs = performance.now() - startedMs;
  const { user, system } = process.cpuUsage(cpu);
  latenciesMs.sort((a, b) => a - b);
  const at = (part: number) =>
    latenciesMs[Math.min(latenciesMs.length - 1, Math.floor(latenciesMs.length * part))];
  return {
    sent: counted.sent,
    perSecond: (latenciesMs.length / tookMs) * 1000,
    succeeded: latenciesMs.length,
    failed: counted.failed,
    shed: counted.shed,
    p50Ms: at(0.5) ?? Number.NaN,
    p99Ms: at(0.99) ?? Number.NaN,
    maxMs: at(1) ?? Number.NaN,
    generatorCpu: (user + system) / 1000 / tookMs,
  };
}

/** The nth request. */
function requestsOf(requests: Load["requests"]): (n: number) => Buffer {
  if (Array.isArray(requests)) {
    const buffers = requests.map((text) => Buffer.from(text));
    return (n) => buffers[n % buffers.length]!;
  }
  const { who, between, what, after, from, oneByOne = false } = requests;
  return (n) => {
    const pair = from + n;
    const one = pair % who.length;
    const round = Math.floor(pair / who.length);
    if (round >= what.length) throw new Error("all pairs are used up");
    const other = oneByOne ? round : (round + one) % what.length;
    return Buffer.from(`${who[one]}${between}${what[other]}${after}`, "latin1");
  };
}

type Send = (connection: Connection, sinceMs: number, then: () => void) => void;

function asFastAsItGoes(
  connections: Connection[],
  durationMs: number,
  mayGoOn: () => boolean,
  send: Send,
): Promise<unknown> {
  const endMs = performance.now() + durationMs;
  const loop = (connection: Connection) =>
    new Promise<void>((resolve) => {
      const next = () => {
        const nowMs = performance.now();
        if (nowMs < endMs && mayGoOn()) send(connection, nowMs, next);
        else resolve();
      };
      next();
    });
  return Promise.all(connections.map(loop));
}

function constantRate(all: Connection[], perSecond: number, durationMs: number, send: Send): Promise<void> {
  const idle = [...all];
  const startMs = performance.now();
  const total = Math.floor((perSecond * durationMs) / 1000);
  let begun = 0;
  let finished = 0;
  return new Promise((resolve) => {
    const sendDue = () => {
      const due = Math.min(total, Math.floor(((performance.now() - startMs) * perSecond) / 1000));
      while (begun < due && idle.length > 0) {
        // In turn: the server would close one that is never used.
        const connection = idle.shift()!;
        send(connection, startMs + (begun++ * 1000) / perSecond, () => {
          idle.push(connection);
          if (++finished === total) resolve();
          else sendDue();
        });
      }
    };
    const tick = setInterval(() => {
      sendDue();
      if (begun === total) clearInterval(tick);
    }, 1);
  });
}

async function tooLong(ms: number): Promise<never> {
  await new Promise((resolve) => setTimeout(resolve, ms).unref());
  throw new Error(`the server had not answered everything after ${ms} ms`);
}
