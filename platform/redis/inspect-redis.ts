import { setTimeout as delay } from "node:timers/promises";
import { Redis, type RedisOptions } from "ioredis";
import { refusal } from "../errors/reasons.ts";
import { type EngineTls, tlsProblem } from "../tls/engine-tls.ts";
import { directOptions, sentinelOptions } from "./redis-options.ts";
import { parseRedisUrl, type RedisPlace } from "./redis-url.ts";

/** What is found at an address of Redis. */
interface RedisFinding {
  version: string;
  tookMs: number;
  /** What works and should be otherwise, with how to mend it. */
  warnings: string[];
}

const oldestVersion = [6, 2] as const;
const patienceMs = 3_000;
const slowMs = 25;

type Node = RedisPlace["nodes"][number];

/**
 * Connects to every node that the address names. Errors: REDIS_URL_INVALID; REDIS_UNREACHABLE, where no node answers;
 * REDIS_UNFIT, where one answers that will never do.
 */
export async function inspectRedis(url: string, tls?: EngineTls): Promise<RedisFinding> {
  const place = parseRedisUrl(url, tls);
  if (place.shape === "sentinel") return inspectSentinels(place);
  const looks = await Promise.allSettled(
    place.nodes.map((node) =>
      withNode(node, directOptions(place, node), (redis) => inspectNode(redis, place, node)),
    ),
  );
  const found = looks.filter((look) => look.status === "fulfilled").map(({ value }) => value);
  const failed = looks.filter((look) => look.status === "rejected").map(({ reason }) => reason as Error);
  const unfit = failed.find((error) => "reason" in error && error.reason === "REDIS_UNFIT");
  if (unfit || !found[0]) throw unfit ?? failed[0]!;
  return {
    ...found[0],
    warnings: [
      ...new Set([...failed.map(({ message }) => message), ...found.flatMap(({ warnings }) => warnings)]),
    ],
  };
}

async function inspectSentinels(place: RedisPlace): Promise<RedisFinding> {
  const { primary, tls, sentinelPassword: password } = place;
  const warnings: string[] = [];
  let known = false;
  let unaware: Node | undefined;
  for (const node of place.nodes) {
    const options = {
      ...node,
      ...(tls && { tls }),
      ...(password && { password }),
      enableReadyCheck: false,
    };
    try {
      await withNode(node, options, async (sentinel) => {
        const address = await ask(sentinel, node, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", primary!);
        if (address === null) {
          unaware = node;
          warnings.push(`the sentinel at ${nameOf(node)} does not watch "${primary}"`);
          return;
        }
        known = true;
        const quorum = await sentinel
          .call("SENTINEL", "CKQUORUM", primary!)
          .catch((error: Error) => error.message);
        if (!String(quorum).startsWith("OK"))
          warnings.push(`the sentinel at ${nameOf(node)} says: ${quorum}`);
      });
    } catch (error) {
      if (!("reason" in (error as Error)) || (error as { reason?: string }).reason !== "REDIS_UNREACHABLE")
        throw error;
      warnings.push((error as Error).message);
    }
  }
  if (!known && unaware)
    throw unfit(unaware, `does not watch "${primary}": correct the name in DOUYA_REDIS_URL`);
  if (!known)
    throw refusal("REDIS_UNREACHABLE", {
      address: place.nodes.map(nameOf).join(", "),
      details: "no sentinel answers",
    });
  const address = { host: `the primary "${primary}"`, port: 0 };
  const finding = await withNode(address, sentinelOptions(place), (redis) =>
    inspectNode(redis, place, address),
  );
  return { ...finding, warnings: [...warnings, ...finding.warnings] };
}

async function inspectNode(redis: Redis, { shape }: RedisPlace, node: Node): Promise<RedisFinding> {
  const info = new Map(
    String(await ask(redis, node, "INFO"))
      .split("\r\n")
      .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
  const tookMs = await quickestMs(() => ask(redis, node, "PING"));
  const version = info.get("redis_version") ?? "";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major < oldestVersion[0] || (major === oldestVersion[0] && minor < oldestVersion[1]))
    throw unfit(node, `is version ${version}: Douya needs ${oldestVersion.join(".")} or newer`);
  const mode = info.get("redis_mode");
  if (mode === "sentinel")
    throw unfit(node, "is a sentinel: write redis+sentinel://host:port/name-of-primary, with all sentinels");
  if (mode === "cluster" && shape !== "cluster")
    throw unfit(node, "is a node of a cluster: write redis+cluster://host:port, with several of its nodes");
  if (mode !== "cluster" && shape === "cluster")
    throw unfit(node, "is not in cluster mode: write redis://host:port, or set cluster-enabled yes");
  if (shape === "single" && info.get("role") === "slave")
    throw unfit(node, "is a replica, which takes no writes: name its primary, or its sentinels");
  return { version, tookMs, warnings: await warningsOf(redis, shape, node, info, tookMs) };
}

/** Of some questions, since this process or its machine may be busy. */
async function quickestMs(question: () => Promise<unknown>): Promise<number> {
  let quickest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    const startedMs = performance.now();
    await question();
    quickest = Math.min(quickest, performance.now() - startedMs);
  }
  return quickest;
}

async function warningsOf(
  redis: Redis,
  shape: RedisPlace["shape"],
  node: Node,
  info: ReadonlyMap<string, string>,
  tookMs: number,
): Promise<string[]> {
  const at = nameOf(node);
  const warnings: string[] = [];
  if (info.get("maxmemory") === "0")
    warnings.push(`${at} has no limit of memory: set maxmemory, for example to 256mb`);
  const policy = info.get("maxmemory_policy") ?? "";
  if (!policy.startsWith("allkeys-l"))
    warnings.push(
      `${at} has maxmemory-policy ${policy}, with which it refuses or keeps the wrong keys when it is full: set allkeys-lfu`,
    );
  if (tookMs > slowMs)
    warnings.push(
      `${at} takes ${Math.round(tookMs)} ms to answer: put it closer, or look at what keeps it busy`,
    );
  if (shape === "cluster") {
    if (!String(await ask(redis, node, "CLUSTER", "INFO")).includes("cluster_state:ok"))
      warnings.push(`${at} says that the cluster is not whole: see redis-cli --cluster check ${at}`);
    // A managed Redis may keep its configuration to itself.
    const coverage = await redis.call("CONFIG", "GET", "cluster-require-full-coverage").catch(() => []);
    if ((coverage as string[])[1] === "yes")
      warnings.push(`${at} answers nothing when one shard is lost: set cluster-require-full-coverage no`);
  }
  return warnings;
}

async function ask(redis: Redis, node: Node, ...words: [string, ...string[]]): Promise<unknown> {
  return redis.call(...words).catch((error) => {
    throw refusalOf(error, node);
  });
}

/** Connects once, and closes the connection. Errors: REDIS_UNREACHABLE, REDIS_UNFIT. */
async function withNode<Result>(
  node: Node,
  options: RedisOptions,
  look: (redis: Redis) => Promise<Result>,
): Promise<Result> {
  const redis = new Redis({
    ...options,
    lazyConnect: true,
    enableOfflineQueue: false,
    protocol: 2,
    disableClientInfo: true,
    connectTimeout: patienceMs,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
  });
  let cause: Error | undefined;
  redis.on("error", (error) => {
    cause ??= error;
  });
  const ended = new AbortController();
  const late = delay(patienceMs, undefined, { signal: ended.signal }).then(
    () =>
      Promise.reject(
        new Error(options.tls ? "no answer; does it speak TLS?" : "no answer that Redis would give"),
      ),
    () => new Promise<never>(() => {}),
  );
  try {
    const connected = redis.connect().catch((error) => {
      throw cause ?? error;
    });
    await Promise.race([connected, late]).catch((error) => {
      throw refusalOf(error, node, options.tls);
    });
    return await look(redis);
  } finally {
    ended.abort();
    redis.disconnect();
  }
}

function refusalOf(error: Error & { code?: string }, node: Node, tls?: { cert?: unknown }): Error {
  const { message, code } = error;
  if (/^(WRONGPASS|NOAUTH|ERR invalid password|ERR AUTH)/.test(message))
    return unfit(node, "wants another user name or password than DOUYA_REDIS_URL has");
  if (message.startsWith("NOPERM"))
    return unfit(node, `does not let this user do what is needed (${message})`);
  if (/^(Protocol error|Unknown RESP)/.test(message))
    return unfit(node, "does not answer as Redis does: something else listens there");
  const problem = tlsProblem(error, tls);
  if (problem) return unfit(node, `does not do: ${problem}. See DOUYA_REDIS_URL (rediss:// encrypts)`);
  const details = code === "ECONNRESET" ? "it hangs up; if it wants TLS, write rediss://" : (code ?? message);
  return refusal("REDIS_UNREACHABLE", { address: nameOf(node), details });
}

function unfit(node: Node, what: string) {
  return refusal("REDIS_UNFIT", { address: nameOf(node), what });
}

const nameOf = ({ host, port }: Node) => (port === 0 ? host : `${host}:${port}`);
