import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../../observe/log.ts";
import { nowAndThen } from "../../observe/now-and-then.ts";
import { jitteredMs } from "./back-off.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { Lease as LeaseService } from "./gen/etcd_pb.ts";

const maxPauseMs = 2_000;

/** A lease that this process keeps alive. */
export interface EtcdLease {
  /** Whether it is held for certain, by our own clock. */
  isHeld(): boolean;
  /** Gives it back: what was written under it is gone at once. */
  release(): Promise<void>;
}

/**
 * Holds a lease of `ttlS` seconds until it is released. `onGranted` writes what stands under it, now and again whenever
 * it had to be granted anew, because it was lost or etcd was away for too long. A lease is judged by our own clock, not
 * by whether a stream seems to live.
 */
export function holdLease(
  etcd: EtcdClient,
  { ttlS, onGranted, log }: { ttlS: number; onGranted(lease: bigint): Promise<void>; log: Logger },
): EtcdLease {
  const stopping = new AbortController();
  const maySay = nowAndThen();
  let lease: bigint | undefined;
  let heldUntilMs = 0;
  const pause = (ms: number) => delay(ms, undefined, { signal: stopping.signal }).catch(() => {});

  async function grant(): Promise<void> {
    const askedMs = performance.now();
    const granted = await etcd.call(LeaseService.method.leaseGrant, { ttl: BigInt(ttlS) });
    await onGranted(granted.id);
    lease = granted.id;
    heldUntilMs = askedMs + Number(granted.ttl) * 1000;
  }

  /** Resolves with the seconds it lasts from now on: 0 when it is gone. */
  function renew(id: bigint): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => end(new Error("the lease was not renewed in time")), (ttlS * 1000) / 3);
      const stream = etcd.stream(LeaseService.method.leaseKeepAlive, {
        answer: ({ ttl }) => {
          resolve(Number(ttl));
          end();
        },
        end: (error) => end(error ?? new Error("the stream of the lease ended")),
      });
      function end(error?: Error): void {
        clearTimeout(timer);
        if (error) reject(error);
        stream.end();
      }
      stream.send({ id });
    });
  }

  async function run(): Promise<void> {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        if (lease === undefined) await grant();
        else {
          const askedMs = performance.now();
          const lasts = await renew(lease);
          if (lasts === 0) lease = undefined;
          else heldUntilMs = askedMs + lasts * 1000;
        }
        failures = 0;
        if (lease !== undefined) await pause((ttlS * 1000) / 3);
      } catch (error) {
        if (stopping.signal.aborted) return;
        if (maySay("lease"))
          log.warn({ cause: (error as Error).message }, "the lease in etcd could not be renewed");
        if (performance.now() > heldUntilMs) lease = undefined;
        await pause(jitteredMs(failures++, maxPauseMs));
      }
    }
  }
  const running = run();

  return {
    isHeld: () => performance.now() < heldUntilMs,
    async release() {
      stopping.abort();
      await running;
      heldUntilMs = 0;
      if (lease !== undefined) await etcd.call(LeaseService.method.leaseRevoke, { id: lease });
      lease = undefined;
    },
  };
}
