import { Cluster, Redis } from "ioredis";
import type { Logger } from "../observe/log.ts";
import type { EngineTls } from "../tls/engine-tls.ts";
import { type Breaker, createBreaker } from "./breaker.ts";
import { keySlot } from "./key-slot.ts";
import { clusterOptions, directOptions, sentinelOptions } from "./redis-options.ts";
import { parseRedisUrl } from "./redis-url.ts";
import type { Script } from "./script.ts";

/** Redis as memory that may vanish: an answer comes soon or not at all, and who asks has to go on without. */
export interface RedisClient {
  /**
   * Runs a script on one key. Undefined: there is no answer, because Redis is away, too slow or refuses; the script may
   * have run all the same. Once that has happened some times in a row it is found out in the background when Redis is
   * back, and until then the answer is undefined at once.
   */
  run(script: Script, key: string, args: readonly (string | number)[]): Promise<unknown>;
  /** The whole name of a channel, for scripts that tell something. */
  nameOf(channel: string): string;
  /** Tells every process that listens now; nobody knows whether it arrives. */
  tell(channel: string, message: string): Promise<void>;
  /** Hears what is told from now on, while there is a connection. */
  listen(channel: string, hear: (message: string) => void): void;
  /** Whether what others tell is heard now. */
  isShared(): boolean;
  /** What is wrong, in a few words; undefined when all is well. */
  problem(): string | undefined;
  close(): void;
}

/** Time for an answer: many times what it takes, and less than a person notices. */
const usualAnswerMs = 100;
/** Questions under way at one node; beyond that it is too slow already. */
const maxUnderWay = 2_000;
/** How long a refusal is a reason to say that something is wrong. */
const refusedForMs = 10_000;

interface Node {
  breaker: Breaker;
  underWay: number;
}

/**
 * Connects to Redis at `url` (platform/redis/redis-url.ts). Keys and channels begin with `prefix`, so that several
 * systems can share it. After `answerMs` an answer is too late. Error: REDIS_URL_INVALID.
 */
export function connectRedis(
  url: string,
  options: { prefix: string; log: Logger; tls?: EngineTls; answerMs?: number },
): RedisClient {
  const { prefix, log, answerMs = usualAnswerMs } = options;
  const place = parseRedisUrl(url, options.tls);
  const cluster = place.shape === "cluster" ? new Cluster(place.nodes, clusterOptions(place)) : undefined;
  const connect = () =>
    new Redis(place.shape === "sentinel" ? sentinelOptions(place) : directOptions(place, place.nodes[0]!));
  const client = cluster ?? connect();
  /** A connection that listens can do nothing else; a cluster keeps one of its own. */
  const listener = cluster ?? connect();
  const listeners = new Map<string, (message: string) => void>();
  const nodes = new Map<string, Node>();
  let away = false;
  let refusal = { what: "", atMs: Number.NEGATIVE_INFINITY };

  /** Only the message of an error is told: its command may hold the password. */
  function noteAway({ message }: Error): void {
    if (!away) log.warn({ cause: message }, "Redis is away: this process goes on with its own memory");
    away = true;
  }
  function noteReady(): void {
    if (away) log.info("Redis is back");
    away = false;
  }
  client.on("error", noteAway);
  client.on("ready", noteReady);
  if (listener !== client) listener.on("error", () => {});
  listener.on("ready", subscribe);
  listener.on("message", (channel: string, message: string) => listeners.get(channel)?.(message));

  function subscribe(): void {
    // What fails is tried again with the next connection.
    if (listeners.size > 0) listener.subscribe(...listeners.keys()).catch(() => {});
  }

  /** The node that has a key: one that is dead keeps nobody from asking the others. */
  function nodeOf(key: string): Node {
    const name = cluster ? (cluster.slots[keySlot(key)]?.[0] ?? "") : "";
    let node = nodes.get(name);
    if (!node) {
      node = { breaker: createBreaker(), underWay: 0 };
      nodes.set(name, node);
    }
    return node;
  }

  /** Asks without regard to the breaker. Error: when there is no answer in time. */
  async function send(words: [string, ...(string | number)[]]): Promise<unknown> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      // Answers that came while this process was busy are read first.
      timer = setTimeout(() => setImmediate(() => reject(new Error("no answer in time"))), answerMs);
    });
    const answer = client.call(...words);
    try {
      return await Promise.race([answer, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async function ask(key: string, question: () => Promise<unknown>): Promise<unknown> {
    const node = nodeOf(key);
    if (!node.breaker.isClosed() || node.underWay >= maxUnderWay) return undefined;
    node.underWay++;
    try {
      const answer = await question();
      node.breaker.succeeded();
      return answer;
    } catch (error) {
      if (isReply(error)) {
        node.breaker.succeeded();
        noteRefusal(error);
      } else node.breaker.failed(() => send(["EXISTS", key]));
      return undefined;
    } finally {
      node.underWay--;
    }
  }

  function noteRefusal({ message }: Error): void {
    const now = performance.now();
    if (now - refusal.atMs > refusedForMs) log.warn({ cause: message }, "Redis refuses");
    refusal = { what: message, atMs: now };
  }

  async function evaluate({ lua, sha }: Script, key: string, args: readonly (string | number)[]) {
    try {
      return await send(["EVALSHA", sha, 1, key, ...args]);
    } catch (error) {
      if (!isReply(error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return send(["EVAL", lua, 1, key, ...args]);
    }
  }

  return {
    run(script, key, args) {
      const whole = prefix + key;
      return ask(whole, () => evaluate(script, whole, args));
    },
    nameOf: (channel) => prefix + channel,
    async tell(channel, message) {
      const whole = prefix + channel;
      await ask(whole, () => send(["PUBLISH", whole, message]));
    },
    listen(channel, hear) {
      listeners.set(prefix + channel, hear);
      if (listener.status === "ready") subscribe();
    },
    isShared: () => !away && listener.status === "ready",
    problem() {
      if (away || client.status !== "ready") return "does not answer";
      if ([...nodes.values()].some(({ breaker }) => !breaker.isClosed())) return "does not answer in time";
      return performance.now() - refusal.atMs < refusedForMs ? `refuses (${refusal.what})` : undefined;
    },
    close() {
      for (const { breaker } of nodes.values()) breaker.stop();
      client.disconnect();
      if (listener !== client) listener.disconnect();
    },
  };
}

/** An answer of Redis that says no, unlike none, and unlike "not now". */
function isReply(error: unknown): error is Error {
  if (!(error instanceof Error) || error.name !== "ReplyError") return false;
  return !/^(LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|READONLY)/.test(error.message);
}
