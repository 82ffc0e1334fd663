import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { settingsFile } from "#apps/server/cluster/cluster.ts";
import { type Config, readConfig } from "#apps/server/config.ts";
import { linkModules } from "#apps/server/link-modules.ts";
import { migrateAll } from "#apps/server/open-databases.ts";
import { openRegistry } from "#apps/server/open-registry.ts";
import { modulesOf } from "#apps/server/targets.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { readAllLag } from "#platform/events/admin/all-lag.ts";
import { createEvents, type ProcessEvents } from "#platform/events/events.ts";
import { createNatsEvents } from "#platform/events/nats/nats-events.ts";
import { linkNats } from "#platform/events/nats/nats-link.ts";
import { natsScope } from "#platform/events/nats/nats-scope.ts";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import { createJobs } from "#platform/jobs/jobs.ts";
import { localIssuerKeys } from "#platform/keys/issuer-keys.ts";
import { startLease } from "#platform/lease/process-lease.ts";
import { lazyMediaTool } from "#platform/media/lazy-media-tool.ts";
import type { Running } from "#platform/module/module.ts";
import { createLog, type Logger } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { localPresence } from "#platform/presence/presence-memory.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import type { Call } from "#platform/rpc/call.ts";
import { directClient } from "#platform/rpc/direct-link.ts";
import { plaintext } from "#platform/rpc/rpc-credentials.ts";
import type { Client } from "#platform/rpc/service.ts";
import { createServiceTokens } from "#platform/rpc/service-token.ts";
import { createSecurityLog } from "#platform/security/security-log.ts";
import { localSignals } from "#platform/signals/signals.ts";
import { fixedSettings } from "#platform/testing/fixed-settings.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { createTestDatabase } from "#platform/testing/test-database.ts";
import { deployCluster } from "./cluster.ts";
import { shapes } from "./deployment.ts";
import { until } from "./within.ts";

/** The modules themselves on their own database, without HTTP: for tests that act thousands of times. */
export interface InProcess {
  databaseOf(module: string): Database;
  events: ProcessEvents;
  client<S extends DescService>(service: S): Client<S>;
  as(callerId: string): Call;
  /** Waits until every consumer and every job of the feeds is done. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Modules that have a database of their own, and the NATS that carries events between them. */
export interface Apart {
  modules: readonly string[];
  natsUrl?: string | undefined;
}

/** Starts `target`, without media. */
export async function startModules(
  target: string,
  changes: Partial<Config>,
  apart: Apart = { modules: [] },
): Promise<InProcess> {
  if (shapes.includes("cluster")) return modulesOfCluster(changes);
  const log = createLog("error");
  const dir = await mkdtemp(join(tmpdir(), "douya-modules-"));
  const entries = modulesOf(target);
  const opened = new Map<string, Awaited<ReturnType<typeof openWith>>>();
  for (const name of ["main", ...apart.modules])
    opened.set(
      name,
      await openWith(
        entries.filter(({ module }) => placeOf(module.name) === name),
        log,
      ),
    );
  function placeOf(module: string): string {
    return apart.modules.includes(module) ? module : "main";
  }
  const of = (module: string) => opened.get(placeOf(module))!;
  const databaseOf = (module: string) => of(module).database;
  const link = apart.natsUrl === undefined ? undefined : linkNats(apart.natsUrl, log);
  const events = createEvents({
    databases: [...opened.values()],
    databaseOf,
    ...(link && { nats: createNatsEvents({ link, scope: natsScope(`test ${process.pid}`), log }) }),
    log,
  });
  const metrics = createMetrics();
  const config = { ...readConfig({}), ...changes };
  const caches = embeddedCaches(metrics);
  const protect = embeddedProtection({ limits: config.limits, metrics });
  const running = new Map<DescService, Running<DescService>>();
  const client = <S extends DescService>(service: S): Client<S> =>
    directClient(service, running.get(service)!.handlers as never, metrics.rpc);
  for (const { module, config: slice } of entries) {
    const started = await module.start({
      config: slice(config),
      db: databaseOf(module.name).of(module.name),
      clients: Object.fromEntries(
        Object.entries(module.calls).map(([name, { service }]) => [name, client(service)]),
      ),
      outage: () => undefined,
      ids: createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now }),
      jobs: of(module.name).jobs.of(module.name),
      events: events.of(module.name),
      blobs: await diskBlobStore(join(dir, "blobs")),
      media: lazyMediaTool(() => Promise.reject(new Error("There is no media here."))),
      caches,
      protect,
      signals: localSignals(),
      presence: localPresence(),
      issuerKeys: localIssuerKeys(),
      settings: fixedSettings(),
      metrics,
      security: createSecurityLog(databaseOf(module.name).of("security"), log),
      log,
    });
    running.set(module.service!, started);
  }
  return {
    databaseOf,
    events,
    client,
    as: (callerId) => ({ callerId, traceId: "0".repeat(32), deadlineMs: Date.now() + patienceMs }),
    settled: () =>
      settled(
        databaseOf,
        [...opened.values()].map(({ database }) => database),
      ),
    async close() {
      await events.stop();
      for (const module of [...running.values()].reverse()) await module.stop?.();
      await link?.close();
      await Promise.all([...opened.values()].map((one) => one.close()));
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A database with the tables of these modules, and what a process has in it. */
async function openWith(entries: ReturnType<typeof modulesOf>, log: Logger) {
  const own = await createTestDatabase();
  const database = openDatabase(own.url, { log });
  await migrateAll(database, entries);
  const lease = startLease(database.pool, { log });
  const jobs = createJobs({ database, lease, log });
  return {
    database,
    lease,
    jobs,
    async close() {
      await jobs.stop();
      await lease.release();
      await database.close();
      await own.drop();
    },
  };
}

async function settled(databaseOf: (module: string) => Database, all: readonly Database[]): Promise<void> {
  await until("everything is handled", async () => {
    const groups = await readAllLag(all.map(({ pool }) => pool));
    const dead = groups.filter((group) => group.deadLetters > 0);
    if (dead.length > 0) throw new Error(`dead letters of ${dead.map((one) => one.group)}`);
    if (groups.some((group) => group.records > 0)) return false;
    for (const module of ["feed", "relation"])
      if ((await databaseOf(module).pool.query(`select from ${module}.job`)).rows.length > 0) return false;
    return true;
  });
}

/** The modules of a cluster, called as the gateway calls them: by gRPC, through etcd, any of two instances. */
async function modulesOfCluster(changes: Partial<Config>): Promise<InProcess> {
  const log = createLog("error");
  const cluster = await deployCluster({
    env: {
      DOUYA_FEED_PULL_FOLLOWERS: String(changes.feedPullFollowers),
      DOUYA_FEED_MAX_SOURCES: String(changes.feedMaxSources),
    },
  });
  const config = readConfig({ DOUYA_CONFIG: join(cluster.dir, settingsFile) });
  const database = openDatabase(config.databaseUrl, { log });
  const lease = startLease(database.pool, { log });
  const registry = await openRegistry(config, {
    secret: config.clusterSecret,
    pool: database.pool,
    log,
  });
  const links = linkModules({
    running: new Map(),
    registry,
    tokens: createServiceTokens(config.clusterSecret),
    credentials: plaintext,
    metrics: createMetrics(),
    log,
  });
  const events = createEvents({ databases: [{ database, lease }], databaseOf: () => database, log });
  return {
    databaseOf: () => database,
    events,
    client: <S extends DescService>(service: S) =>
      links.client("gateway", {
        service,
        methods: service.methods.map(({ localName }) => localName),
      }) as Client<S>,
    as: (callerId) => ({ callerId, traceId: "0".repeat(32), deadlineMs: Date.now() + patienceMs }),
    settled: () => settled(() => database, [database]),
    async close() {
      await events.stop();
      await links.close();
      await registry.close();
      await lease.release();
      await database.close();
      await cluster.remove();
    },
  };
}
