import { EventEmitter } from "node:events";
import type { Logger } from "../../observe/log.ts";
import { nowAndThen } from "../../observe/now-and-then.ts";
import { signerOf } from "../../seal/signer.ts";
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
/** Of what a stranger may write into the log. */
const maxShown = 200;
const noAddress =
  "a process that etcd names is not called: its address is not host:port, with an IPv6 address in brackets; see DOUYA_RPC_ADDRESS there";
const notSigned =
  "a process that etcd names is not called, because its announcement is not signed: it is of an earlier version (DOUYA_UNSIGNED=allowed believes it while you upgrade), or somebody else writes to etcd";
const notOurs =
  "a process that etcd names is not called, because its announcement is signed with another secret: give it the DOUYA_CLUSTER_SECRET of the others, or find out who else writes to etcd";

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
  /**
   * The address of a process that has another secret, where none has announced itself with ours: a print is not signed, so
   * anybody who can write there could else keep our processes from starting.
   */
  otherSecret(secretPrint: string): string | undefined;
  stop(): Promise<void>;
}

interface RegistryOptions {
  prefix: string;
  /** Of the processes of one installation. Who has it not cannot have calls sent to them. */
  secret: string;
  /** Whether announcements without a signature are believed, as those of versions before there was one. */
  unsigned?: boolean;
  log: Logger;
}

/**
 * Instances at `<prefix>services/<module>/<instance>`, each under a lease of 5 s. While etcd is away the last known ones
 * stay; an instance whose lease was lost announces itself again. Calls carry tokens and passwords, so each announcement is
 * signed with the secret: what somebody else has written is left out.
 */
export function etcdRegistry(
  etcd: EtcdClient,
  { prefix: root, secret, unsigned = false, log }: RegistryOptions,
): EtcdRegistry {
  const prefix = `${root}services/`;
  const signer = signerOf(secret, "places of services");
  const maySay = nowAndThen();
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
      const endpoint = endpointIn(name, value);
      if (!endpoint) continue;
      if (!known.has(module)) known.set(module, new Map());
      known.get(module)!.set(endpoint.address, endpoint);
    }
    for (const module of new Set([...before.keys(), ...known.keys()]))
      if (textOf(before.get(module)) !== textOf(known.get(module))) changes.emit(module);
  }

  /** Where an instance is; undefined, and named in the log, for what cannot be used. */
  function endpointIn(name: string, value: string): Endpoint | undefined {
    const told = instanceIn(value);
    const { address, colour, signature } = told ?? {};
    const at = typeof address === "string" ? address.slice(0, maxShown) : undefined;
    const leaveOut = (why: string) => {
      if (maySay(`${name} ${why}`)) log.warn({ name: name.slice(0, maxShown), address: at }, why);
      return undefined;
    };
    if (typeof address !== "string" || !isHostAndPort(address)) return leaveOut(noAddress);
    const isOurs = isSigned(name, told) || (unsigned && signature === undefined);
    if (!isOurs) return leaveOut(signature === undefined ? notSigned : notOurs);
    return endpointOf({ address, colour });
  }

  function isSigned(name: string, told: Told | undefined): boolean {
    const { address, colour, signature } = told ?? {};
    if (typeof address !== "string" || typeof signature !== "string") return false;
    return signer.isSigned(signedText(name, endpointOf({ address, colour })), signature);
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
      const announced = (module: string) => {
        const signature = signer.sign(signedText(`${module}/${id}`, told));
        return bytesOf(JSON.stringify({ ...told, signature }));
      };
      const lease = holdLease(etcd, {
        ttlS: leaseS,
        log,
        async onGranted(granted) {
          const success = modules.map((module) => ({
            request: {
              case: "requestPut" as const,
              value: { key: bytesOf(`${prefix}${module}/${id}`), value: announced(module), lease: granted },
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
      if ([...watched.entries()].some(([name, value]) => isSigned(name, instanceIn(value)))) return undefined;
      for (const value of watched.entries().values()) {
        const told = instanceIn(value);
        const print = told?.secretPrint;
        if (typeof print === "string" && print !== secretPrint)
          return String(told?.address).slice(0, maxShown);
      }
      return undefined;
    },
    stop: watched.stop,
  };
}

const textOf = (instances = new Map<string, Endpoint>()): string => JSON.stringify([...instances]);

/** What is signed of an instance: its name is `<module>/<id>`. */
function signedText(name: string, { address, colour }: Endpoint): string {
  return JSON.stringify([name, address, colour ?? null]);
}

function endpointOf({ address, colour }: { address: string; colour: unknown }): Endpoint {
  return { address, colour: typeof colour === "string" && isColour(colour) ? colour : undefined };
}

/** What an instance says, or whoever else can write there. */
type Told = { [Field in keyof Instance | "signature"]?: unknown };

function instanceIn(value: string): Told | undefined {
  try {
    return JSON.parse(value) ?? undefined;
  } catch {
    return undefined;
  }
}
