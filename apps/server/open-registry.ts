import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#platform/observe/log.ts";
import { connectEtcd } from "#platform/registry/etcd/etcd-client.ts";
import { etcdRegistry } from "#platform/registry/etcd/etcd-registry.ts";
import { type Registry, staticRegistry } from "#platform/registry/registry.ts";
import type { Config } from "./config.ts";

/** How processes find each other, and how this one is found. */
export interface OpenRegistry extends Registry {
  /** Tells the others that these modules are served at this port from now on, until the function is called. */
  announce(modules: string[], rpcPort: number): () => Promise<void>;
  /** Why others may not be found, or not find this process; undefined when all is well. A fixed list has no problems. */
  problem?: () => string | undefined;
  close(): Promise<void>;
}

/** A start without etcd goes on after so long: others are called as soon as they are known. */
const firstReadMs = 5_000;
/** How long it may take until everybody has heard that a process leaves, and calls it no more. */
const heardMs = 500;

/** The static list, or etcd where its address is given. Errors: REGISTRY_INVALID, ETCD_URL_INVALID. */
export async function openRegistry(config: Config, log: Logger): Promise<OpenRegistry> {
  if (!config.etcdUrl) {
    const { endpoints } = staticRegistry(config.services);
    const announce = () => async () => {};
    return { endpoints, announce, close: async () => {} };
  }
  const etcd = connectEtcd(config.etcdUrl);
  const registry = etcdRegistry(etcd, log);
  await Promise.race([registry.ready, delay(firstReadMs, undefined, { ref: false })]);
  return {
    endpoints: registry.endpoints,
    announce(modules, rpcPort) {
      const address = config.rpcAddress || `${config.rpcHost}:${rpcPort}`;
      const leave = registry.register({ id: randomUUID(), modules, address, startedMs: Date.now() });
      return async () => {
        // What cannot be taken back ends with its lease.
        await leave().catch((error) => log.warn({ err: error }, "this process is still announced in etcd"));
        await delay(heardMs);
      };
    },
    problem: () =>
      registry.isLive()
        ? undefined
        : "REGISTRY_UNREACHABLE: etcd does not answer, so the last known processes are called; see: douya doctor",
    async close() {
      await registry.stop();
      etcd.close();
    },
  };
}
