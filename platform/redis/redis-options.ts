import type { ClusterOptions, RedisOptions } from "ioredis";
import type { RedisPlace } from "./redis-url.ts";

/** Time to connect, and to notice that a line on which something is asked is dead. */
const silentMs = 2_000;
const longestReconnectMs = 2_000;

/** The one policy of coming back: doubling, with jitter, so that processes do not come back together. */
const reconnectMs = (times: number) =>
  Math.min(longestReconnectMs, 50 * 2 ** Math.min(times, 10)) * (0.5 + Math.random());

/** Of every node. Nothing is kept for later or sent again: who asks can go on without an answer. */
function nodeOptions({ username, password, tls }: RedisPlace) {
  return {
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: silentMs,
    socketTimeout: silentMs,
    keepAlive: 5_000,
    protocol: 2,
    disableClientInfo: true,
    ...(username && { username }),
    ...(password && { password }),
    ...(tls && { tls }),
  } as const;
}

/** To the one at `node`. */
export function directOptions(place: RedisPlace, node: RedisPlace["nodes"][number]): RedisOptions {
  return {
    ...nodeOptions(place),
    ...node,
    db: place.database,
    enableOfflineQueue: false,
    retryStrategy: reconnectMs,
  };
}

/** To the primary that the sentinels name. */
export function sentinelOptions(place: RedisPlace): RedisOptions {
  return {
    ...nodeOptions(place),
    sentinels: place.nodes,
    name: place.primary!,
    db: place.database,
    enableOfflineQueue: false,
    retryStrategy: reconnectMs,
    sentinelRetryStrategy: reconnectMs,
    sentinelCommandTimeout: silentMs,
    ...(place.sentinelPassword && { sentinelPassword: place.sentinelPassword }),
    ...(place.tls && { sentinelTLS: place.tls, enableTLSForSentinelMode: true }),
    // A primary that was demoted: the sentinels know the new one.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  };
}

export function clusterOptions(place: RedisPlace): ClusterOptions {
  return {
    enableOfflineQueue: false,
    clusterRetryStrategy: reconnectMs,
    slotsRefreshTimeout: silentMs,
    slotsRefreshInterval: 5_000,
    // What meets a node that is gone looks for its successor; who asked waits no longer than for any answer.
    maxRedirections: 2,
    retryDelayOnFailover: 50,
    retryDelayOnClusterDown: 50,
    redisOptions: nodeOptions(place),
  };
}
