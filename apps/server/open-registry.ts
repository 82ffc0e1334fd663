import { createHmac, randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { type IssuerKeys, localIssuerKeys } from "#platform/keys/issuer-keys.ts";
import { installationId } from "#platform/lease/installation.ts";
import type { Part } from "#platform/observe/degraded.ts";
import type { Logger } from "#platform/observe/log.ts";
import { claimPrefix } from "#platform/registry/etcd/claim-prefix.ts";
import { connectEtcd } from "#platform/registry/etcd/etcd-client.ts";
import { etcdKeys } from "#platform/registry/etcd/etcd-keys.ts";
import { etcdRegistry } from "#platform/registry/etcd/etcd-registry.ts";
import { etcdSettings } from "#platform/registry/etcd/etcd-settings.ts";
import { hostAndPort } from "#platform/registry/host-and-port.ts";
import { type Registry, staticRegistry } from "#platform/registry/registry.ts";
import { folderSettings } from "#platform/settings/folder-settings.ts";
import type { LiveSettings } from "#platform/settings/live-settings.ts";
import { type Config, liveSettings } from "./config.ts";
import { engineTls } from "./open-transport.ts";

/** How processes find each other, how this one is found, and what they are all told. */
export interface OpenRegistry extends Registry {
  /** Tells the others that these modules are served at this port from now on, until the function is called. */
  announce(modules: string[], rpcPort: number): () => Promise<void>;
  issuerKeys: IssuerKeys;
  settings: LiveSettings;
  /** What can fail of it while the rest works, for /readyz. */
  parts?: Record<string, Part>;
  close(): Promise<void>;
}

/** A start without etcd goes on after so long: others are called as soon as they are known. */
const firstReadMs = 5_000;
/** How long it may take until everybody has heard that a process leaves, and calls it no more. */
const heardMs = 500;
const unreachable =
  "REGISTRY_UNREACHABLE: etcd does not answer, so the last known processes are called; see: douya doctor";

/**
 * The static list, or etcd where its address is given. Errors: REGISTRY_INVALID, ETCD_URL_INVALID, SECRET_DIFFERS, and
 * those of a prefix that cannot be claimed; etcd that is away keeps nobody from starting.
 */
export async function openRegistry(
  config: Config,
  {
    secret,
    pool,
    log,
  }: {
    secret: string;
    /** Undefined for a process without a database, which claims no prefix. */
    pool: Pool | undefined;
    log: Logger;
  },
): Promise<OpenRegistry> {
  const declared = liveSettings(config);
  if (!config.etcdUrl) {
    const { endpoints } = staticRegistry(config.services);
    const announce = () => async () => {};
    const settings = folderSettings(config.dataDir, declared, { log });
    return {
      endpoints,
      announce,
      issuerKeys: localIssuerKeys(),
      settings,
      parts: { settings: settingsPart(settings.problems) },
      close: async () => settings.stop(),
    };
  }
  const etcd = connectEtcd(config.etcdUrl, engineTls(config));
  const options = { prefix: config.etcdPrefix, log };
  const claimed = pool && claimPrefix(etcd, config.etcdPrefix, await installationId(pool));
  await claimed?.catch((error: DomainError) => {
    if (error.reason !== "ETCD_UNAVAILABLE") {
      etcd.close();
      throw error;
    }
    log.warn(
      { cause: error.message },
      "starting without etcd, which is used as soon as it answers: look at DOUYA_ETCD_URL, or run: douya doctor",
    );
  });
  const registry = etcdRegistry(etcd, { ...options, secret, unsigned: config.unsigned });
  const issuerKeys = etcdKeys(etcd, { ...options, secret });
  const settings = etcdSettings(etcd, declared, options);
  const firstRead = Promise.all([registry.ready, settings.ready, issuerKeys.ready]);
  await Promise.race([firstRead, delay(firstReadMs, undefined, { ref: false })]);
  const secretPrint = printOf(secret);
  const address = registry.otherSecret(secretPrint);
  if (address !== undefined) {
    await close();
    throw refusal("SECRET_DIFFERS", { address });
  }
  return {
    endpoints: registry.endpoints,
    issuerKeys,
    settings,
    announce(modules, rpcPort) {
      const address = config.rpcAddress || hostAndPort(config.rpcHost, rpcPort);
      const { colour } = config;
      const startedMs = Date.now();
      const leave = registry.register({ id: randomUUID(), modules, address, colour, startedMs, secretPrint });
      return async () => {
        // What cannot be taken back ends with its lease.
        await leave().catch((error) => log.warn({ err: error }, "this process is still announced in etcd"));
        await delay(heardMs);
      };
    },
    parts: {
      registry: {
        look: async () => (registry.isLive() ? undefined : unreachable),
        freshMs: 0,
      },
      settings: settingsPart(settings.problems),
    },
    close,
  };

  async function close(): Promise<void> {
    await Promise.all([registry.stop(), settings.stop(), issuerKeys.stop()]);
    etcd.close();
  }
}

/** The same wherever the secret is the same; it tells nothing about it. */
function printOf(secret: string): string {
  return createHmac("sha256", secret).update("which secret this is").digest("base64url").slice(0, 16);
}

function settingsPart(problems: () => Record<string, string>): Part {
  return {
    async look() {
      const found = Object.entries(problems()).map(([name, problem]) => `${name} ${problem}`);
      if (found.length === 0) return undefined;
      return `SETTING_INVALID: not used as it was set: ${found.join("; ")}. The last good value stays; see: douya settings list`;
    },
    freshMs: 0,
  };
}
