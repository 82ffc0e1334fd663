import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../observe/log.ts";
import { nowAndThen } from "../../observe/now-and-then.ts";
import { onAbort } from "../../protect/on-abort.ts";
import { jitteredMs } from "./back-off.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { Event_EventType as EventType, KV, Watch, type WatchResponse } from "./gen/etcd_pb.ts";
import { rangeOf, textOf } from "./keys.ts";

/** The keys below a prefix as they are, without the prefix, with their values. */
export interface WatchedPrefix {
  /** What was last known: it stays while etcd is away. */
  entries(): ReadonlyMap<string, string>;
  /** Resolves once they have been read for the first time. */
  ready: Promise<void>;
  /** Whether changes are being told now. */
  isLive(): boolean;
  stop(): Promise<void>;
}

/** How often a watch on which nothing happens is asked whether it lives; one that is silent for longer is given up. */
const defaultAskMs = 2_000;
const silentAsks = 3;
const maxPauseMs = 5_000;

/**
 * Follows the keys below `prefix`, and calls `onChange` after each change. A watch that breaks off goes on at its
 * revision; when etcd has forgotten that (compaction), everything is read again.
 */
export function watchPrefix(
  etcd: EtcdClient,
  prefix: string,
  { onChange = () => {}, askMs = defaultAskMs, log }: { onChange?: () => void; askMs?: number; log: Logger },
): WatchedPrefix {
  const entries = new Map<string, string>();
  const stopping = new AbortController();
  const maySay = nowAndThen();
  /** Everything up to here is in `entries`; undefined: they must be read. */
  let revision: bigint | undefined;
  let live = false;
  let isReady: () => void;
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const nameOf = (key: Uint8Array) => textOf(key).slice(prefix.length);

  async function read(): Promise<void> {
    const answer = await etcd.call(KV.method.range, rangeOf(prefix));
    entries.clear();
    for (const { key, value } of answer.kvs) entries.set(nameOf(key), textOf(value));
    revision = answer.header!.revision;
    isReady();
    onChange();
  }

  function apply({ created, events, header }: WatchResponse): void {
    if (header!.revision < revision!) {
      // It was restored from a backup, or this member lags behind the one that was asked before.
      revision = undefined;
      throw new Error("etcd has gone back to before what was read");
    }
    for (const { type, kv } of events) {
      if (type === EventType.DELETE) entries.delete(nameOf(kv!.key));
      else entries.set(nameOf(kv!.key), textOf(kv!.value));
    }
    // While changes from before are still to come, the header tells what the store is at already.
    if (!created) revision = events.at(-1)?.kv?.modRevision ?? header!.revision;
    if (events.length > 0) onChange();
  }

  /** Watches until the stream ends. */
  function watch(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      let silent = 0;
      let ended = false;
      const stream = etcd.stream(Watch.method.watch, {
        answer(answer) {
          // It had arrived before the end.
          if (ended) return;
          silent = 0;
          live = true;
          if (answer.compactRevision > 0n) revision = undefined;
          if (answer.canceled) return end(new Error(answer.cancelReason || "the watch was cancelled"));
          try {
            apply(answer);
          } catch (error) {
            end(error as Error);
          }
        },
        end,
      });
      const asking = setInterval(() => {
        if (++silent > silentAsks) end(new Error("the watch is silent"));
        else stream.send({ requestUnion: { case: "progressRequest", value: {} } });
      }, askMs);
      const leave = onAbort(stopping.signal, () => end());
      function end(error?: Error): void {
        ended = true;
        clearInterval(asking);
        leave();
        if (error) reject(error);
        else resolve();
        stream.end();
      }
      const createRequest = { ...rangeOf(prefix), startRevision: revision! + 1n };
      stream.send({ requestUnion: { case: "createRequest", value: createRequest } });
    });
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        if (revision === undefined) await read();
        const before = revision;
        await watch().finally(() => {
          live = false;
          if (revision !== before) failures = 0;
        });
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (maySay(prefix)) log.warn({ cause: (error as Error).message, prefix }, "etcd is watched again");
        const pauseMs = jitteredMs(failures++, maxPauseMs);
        await delay(pauseMs, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  }
  const running = run();

  return {
    entries: () => entries,
    ready,
    isLive: () => live,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
