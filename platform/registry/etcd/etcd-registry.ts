import { EventEmitter } from "node:events";
import type { Logger } from "../../observe/log.ts";
import { isHostAndPort } from "../host-and-port.ts";
import type { Endpoints, Registry } from "../registry.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { KV } from "./gen/etcd_pb.ts";
import { bytesOf } from "./keys.ts";
import { type EtcdLease, holdLease } from "./lease.ts";
import { watchPrefix } from "./watched-prefix.ts";

const prefix = "/douya/services/";
/** How long an instance that died may still be called. */
const leaseS = 5;

/** What an instance says of itself. */
export interface Instance {
  /** Unique; another start is another instance. */
  id: string;
  modules: string[];
  /** host:port at which others call it. */
  address: string;
  startedMs: number;
}

/** A registry in which processes find each other by themselves. */
export interface EtcdRegistry extends Registry {
  /** Resolves once the first read is done. */
  ready: Promise<void>;
  /** Announces an instance from now on, until the function is called: before it is drained. */
  register(instance: Instance): () => Promise<void>;
  /** Whether this process is told of changes, and what it has announced stands. */
  isLive(): boolean;
  stop(): Promise<void>;
}

/**
 * Instances at `/douya/services/<module>/<instance>`, each under a lease of 5 s. While etcd is away the last known ones
 * stay; an instance whose lease was lost announces itself again.
 */
export function etcdRegistry(etcd: EtcdClient, log: Logger): EtcdRegistry {
  const changes = new EventEmitter();
  changes.setMaxListeners(0);
  const leases = new Set<EtcdLease>();
  let known = new Map<string, string[]>();
  const watched = watchPrefix(etcd, prefix, { onChange: update, log });

  function update(): void {
    const before = known;
    known = new Map();
    for (const [name, value] of watched.entries()) {
      const [module] = name.split("/") as [string];
      const address = addressIn(value);
      // Whoever may write here may send our calls elsewhere, but not end the process.
      if (address) known.set(module, [...(known.get(module) ?? []), address]);
    }
    for (const module of new Set([...before.keys(), ...known.keys()]))
      if (String(before.get(module)) !== String(known.get(module))) changes.emit(module);
  }

  return {
    ready: watched.ready,
    endpoints: (module): Endpoints => ({
      current: () => known.get(module) ?? [],
      watch(changed) {
        // A listener of its own, so that each stops for itself.
        const listener = () => changed();
        changes.on(module, listener);
        return () => void changes.off(module, listener);
      },
    }),
    register({ id, modules, ...told }) {
      const value = bytesOf(JSON.stringify(told));
      const lease = holdLease(etcd, {
        ttlS: leaseS,
        log,
        async onGranted(granted) {
          const success = modules.map((module) => ({
            request: {
              case: "requestPut" as const,
              value: { key: bytesOf(`${prefix}${module}/${id}`), value, lease: granted },
            },
          }));
          await etcd.call(KV.method.txn, { success });
        },
      });
      leases.add(lease);
      return () => {
        leases.delete(lease);
        return lease.release();
      };
    },
    isLive: () => watched.isLive() && [...leases].every((lease) => lease.isHeld()),
    stop: watched.stop,
  };
}

function addressIn(value: string): string | undefined {
  try {
    const { address } = JSON.parse(value) as { address?: unknown };
    return typeof address === "string" && isHostAndPort(address) ? address : undefined;
  } catch {
    return undefined;
  }
}
