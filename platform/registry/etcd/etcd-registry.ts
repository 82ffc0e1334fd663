import { EventEmitter } from "node:events";
import type { Logger } from "../../observe/log.ts";
import { isColour } from "../colour.ts";
import { isHostAndPort } from "../host-and-port.ts";
import type { Endpoint, Endpoints, Registry } from "../registry.ts";
import type { EtcdClient } from "./etcd-client.ts";
import { KV } from "./gen/etcd_pb.ts";
import { bytesOf } from "./keys.ts";
import { type EtcdLease, holdLease } from "./lease.ts";
import { watchPrefix } from "./watched-prefix.ts";

/** How long an instance that died may still be called. */
const leaseS = 5;

/** What an instance says of itself. */
export interface Instance {
  /** Unique; another start is another instance. */
  id: string;
  modules: string[];
  /** host:port at which others call it. */
  address: string;
  /** The traffic colour that it is there for. */
  colour?: string | undefined;
  startedMs: number;
  /** Of the secret that the processes share. */
  secretPrint: string;
}

/** A registry in which processes find each other by themselves. */
export interface EtcdRegistry extends Registry {
  /** Resolves once the first read is done. */
  ready: Promise<void>;
  /** Announces an instance from now on, until the function is called: before it is drained. */
  register(instance: Instance): () => Promise<void>;
  /** Whether this process is told of changes, and what it has announced stands. */
  isLive(): boolean;
  /** The address of a process that has another secret. */
  otherSecret(secretPrint: string): string | undefined;
  stop(): Promise<void>;
}

/**
 * Instances at `<prefix>services/<module>/<instance>`, each under a lease of 5 s. While etcd is away the last known ones
 * stay; an instance whose lease was lost announces itself again.
 */
export function etcdRegistry(
  etcd: EtcdClient,
  { prefix: root, log }: { prefix: string; log: Logger },
): EtcdRegistry {
  const prefix = `${root}services/`;
  const changes = new EventEmitter();
  changes.setMaxListeners(0);
  const leases = new Set<EtcdLease>();
  /** By module, the instances by address. */
  let known = new Map<string, Map<string, Endpoint>>();
  const watched = watchPrefix(etcd, prefix, { onChange: update, log });

  function update(): void {
    const before = known;
    known = new Map();
    for (const [name, value] of watched.entries()) {
      const [module] = name.split("/") as [string];
      const endpoint = endpointIn(value);
      // Whoever may write here may send our calls elsewhere, but not end the process.
      if (!endpoint) continue;
      if (!known.has(module)) known.set(module, new Map());
      known.get(module)!.set(endpoint.address, endpoint);
    }
    for (const module of new Set([...before.keys(), ...known.keys()]))
      if (textOf(before.get(module)) !== textOf(known.get(module))) changes.emit(module);
  }

  return {
    ready: watched.ready,
    endpoints: (module): Endpoints => ({
      current: () => [...(known.get(module)?.values() ?? [])],
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
    otherSecret(secretPrint) {
      for (const value of watched.entries().values()) {
        const told = instanceIn(value);
        const print = told?.secretPrint;
        if (typeof print === "string" && print !== secretPrint) return endpointIn(value)?.address;
      }
      return undefined;
    },
    stop: watched.stop,
  };
}

const textOf = (instances = new Map<string, Endpoint>()): string => JSON.stringify([...instances]);

function endpointIn(value: string): Endpoint | undefined {
  const { address, colour } = instanceIn(value) ?? {};
  if (typeof address !== "string" || !isHostAndPort(address)) return undefined;
  return { address, colour: typeof colour === "string" && isColour(colour) ? colour : undefined };
}

/** What an instance says, or whoever else can write there. */
function instanceIn(value: string): { [Field in keyof Instance]?: unknown } | undefined {
  try {
    return JSON.parse(value) ?? undefined;
  } catch {
    return undefined;
  }
}
