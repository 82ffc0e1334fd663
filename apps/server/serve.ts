import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { refusal } from "#contracts/reasons.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { askDatabase } from "#platform/db/ask-database.ts";
import type { Database } from "#platform/db/database.ts";
import { exportLag } from "#platform/events/admin/lag-metrics.ts";
import { watchProgress } from "#platform/events/admin/progress.ts";
import { createEvents } from "#platform/events/events.ts";
import { startRetention } from "#platform/events/log/retention.ts";
import { createHttpServer } from "#platform/http/http-server.ts";
import { leaseIds } from "#platform/ids/node-lease.ts";
import { exportDeadJobs } from "#platform/jobs/dead-jobs.ts";
import { createJobs } from "#platform/jobs/jobs.ts";
import { startLease } from "#platform/lease/process-lease.ts";
import { findMediaTool } from "#platform/media/find-media-tool.ts";
import { lazyMediaTool } from "#platform/media/lazy-media-tool.ts";
import { mediaQueue } from "#platform/media/media-queue.ts";
import type { ModuleContext, Running } from "#platform/module/module.ts";
import { watchParts } from "#platform/observe/degraded.ts";
import { watchDisk } from "#platform/observe/disk-watch.ts";
import type { Logger } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import { directClient } from "#platform/rpc/direct-link.ts";
import { type GrpcLink, grpcLink } from "#platform/rpc/grpc-link.ts";
import { type Offer, startGrpcServer } from "#platform/rpc/grpc-server.ts";
import type { Dependency } from "#platform/rpc/service.ts";
import { createServiceTokens } from "#platform/rpc/service-token.ts";
import { createSecurityLog } from "#platform/security/security-log.ts";
import { type Config, searchPath } from "./config.ts";
import { degradableParts } from "./degradable-parts.ts";
import { openRegistry } from "./open-registry.ts";
import { mediaWorkerPath } from "./paths.ts";
import { clusterSecret, migrateAll, openStorage } from "./storage.ts";
import { callersOf, modulesOf, table } from "./targets.ts";

export interface Server {
  /** Where HTTP listens: http://127.0.0.1:8080 */
  address: string;
  rpcPort: number | undefined;
  modules: string[];
  database: Database;
  /** Drains requests, stops modules in reverse order, then the database. */
  stop(): Promise<void>;
}

const drainMs = 10_000;
/** For inspections that people wait for; one usually takes a fraction of a second. */
const mediaQueueOptions = {
  help: "Uploads and pictures that wait to be looked at",
  concurrency: 2,
  perKey: 1,
  maxWaiting: 64,
  maxWaitingPerKey: 8,
  maxWaitMs: 10_000,
};

/** Starts the modules of `target` in this process and links them, directly or by gRPC, to the modules they call. */
export async function serve(config: Config, target: string, log: Logger): Promise<Server> {
  const entries = modulesOf(target);
  const undo: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const step of undo.splice(0).reverse()) {
      await step().catch((error) => log.error({ err: error }, "a step of stopping failed"));
    }
  };
  try {
    return await start();
  } catch (error) {
    await stop();
    throw error;
  }

  async function start(): Promise<Server> {
    const findTool = () =>
      findMediaTool({
        workerPath: mediaWorkerPath,
        searchPath,
        dataDir: config.dataDir,
        ffmpegPath: config.ffmpeg || undefined,
        limits: { maxDurationMs: config.maxVideoMs },
        log,
      });
    // A tool that the configuration names must exist; otherwise it is searched when it is needed.
    if (config.ffmpeg) await findTool();
    const metrics = createMetrics();
    const caches = embeddedCaches(metrics);
    const protect = embeddedProtection({ limits: config.limits, metrics });
    const tool = lazyMediaTool(findTool);
    const media = mediaQueue(tool, protect.fairQueue("media_waiting", mediaQueueOptions));
    const storage = await openStorage(config, log);
    undo.push(storage.close);
    await migrateAll(storage.database, entries);
    const lease = startLease(storage.database.pool, { log, alone: storage.alone });
    undo.push(lease.release);
    const ids = await leaseIds(storage.database.pool, { lease, log });
    undo.push(ids.release);
    const [blobs, secret] = await Promise.all([
      diskBlobStore(join(config.dataDir, "blobs")),
      clusterSecret(config),
    ]);
    const databaseDown = askDatabase(storage.database.pool);
    const { pool } = storage.database;
    const disk = watchDisk(config.dataDir, { log, metrics });
    undo.push(async () => disk.stop());
    metrics.gauge("douya_database_waiting", "Queries that wait for a connection", () => pool.waitingCount);
    metrics.gauge("douya_database_connections", "Open connections to the database", () => pool.totalCount);

    const events = createEvents({ database: storage.database, lease, log });
    undo.push(events.stop);
    const jobs = createJobs({ database: storage.database, lease, log });
    undo.push(jobs.stop);
    exportLag(metrics, pool);
    exportDeadJobs(
      metrics,
      pool,
      entries.map(({ module }) => module.name),
    );
    const progress = watchProgress(pool, { log, stalledMs: config.stalledMs });
    undo.push(progress.stop);
    const usesMedia = entries.some(({ module }) => module.usesMedia);
    const registry = await openRegistry(config, log);
    undo.push(registry.close);
    const inspected = usesMedia ? tool : undefined;
    const parts = degradableParts({ disk, pool, progress, media: inspected, registry, log });
    const degraded = watchParts(parts, { metrics, log });
    const security = createSecurityLog(storage.database.of("security"), log);
    undo.push(security.stop);
    const retention = startRetention(pool, { log });
    undo.push(retention.stop);
    const tokens = createServiceTokens(secret);
    const running = new Map<string, Running<DescService>>();
    const links = new Map<string, GrpcLink>();

    function clientOf(from: string, { service, methods }: Dependency) {
      const all: Record<string, unknown> = linkOf(from, service);
      return Object.fromEntries(methods.map((method) => [method, all[method]]));
    }

    function linkOf(from: string, service: DescService) {
      const name = Object.keys(table).find((other) => table[other]!.module.service === service)!;
      const local = running.get(name);
      if (local) return directClient(service, local.handlers, metrics.rpc, log);
      const link =
        links.get(`${from} ${name}`) ??
        grpcLink({ from, to: name, endpoints: registry.endpoints(name), tokens, meter: metrics.rpc });
      links.set(`${from} ${name}`, link);
      return link.client(service);
    }
    undo.push(async () => {
      for (const link of links.values()) link.close();
    });

    for (const { module, config: slice } of entries) {
      const clients = Object.entries(module.calls).map(([key, call]) => [key, clientOf(module.name, call)]);
      const context: ModuleContext<Record<string, Dependency>, unknown, unknown> = {
        config: slice({ ...config, clusterSecret: secret }),
        db: storage.database.of(module.name),
        clients: Object.fromEntries(clients),
        ids,
        jobs: jobs.of(module.name),
        events: events.of(module.name),
        blobs,
        media,
        caches,
        protect,
        metrics,
        security,
        log: log.child({ module: module.name }),
      };
      const started = await module.start(context);
      running.set(module.name, started);
      undo.push(async () => started.stop?.());
    }

    // Consumers call modules, so they stop first.
    undo.push(events.stop);
    const rpcPort = await offerModules();
    let draining = false;
    const app = createHttpServer({ ...config, log, metrics, readiness, degraded: degraded.problems });
    for (const [name, module] of running) {
      const { routes } = module;
      if (routes) await app.register(routes);
      log.debug({ module: name }, "module started");
    }
    undo.push(async () => {
      draining = true;
      const timer = setTimeout(() => app.server.closeAllConnections(), drainMs);
      await app.close();
      clearTimeout(timer);
    });
    const address = await app.listen({ host: config.host, port: config.port }).catch((error) => {
      throw listenError(error, config);
    });
    // Gone from there before anything is drained.
    if (rpcPort !== undefined) undo.push(registry.announce([...running.keys()], rpcPort));
    return { address, rpcPort, modules: [...running.keys()], database: storage.database, stop };

    async function offerModules(): Promise<number | undefined> {
      const offers: Offer[] = entries
        .filter(
          ({ module }) =>
            module.service && [...callersOf(module.name).keys()].some((caller) => !running.has(caller)),
        )
        .map(({ module }) => ({
          service: module.service!,
          handlers: running.get(module.name)!.handlers,
          callers: callersOf(module.name),
        }));
      if (offers.length === 0) return undefined;
      const { rpcHost: host, rpcPort: port } = config;
      const server = await startGrpcServer({ offers, host, port, tokens, meter: metrics.rpc, log });
      undo.push(() => server.stop(drainMs));
      return server.port;
    }

    async function readiness(): Promise<Record<string, string | undefined>> {
      if (draining) return Object.fromEntries([...running.keys()].map((name) => [name, "stopping"]));
      const down = await databaseDown();
      const entries = [...running].map(async ([name, module]) => [name, down ?? (await module.notReady?.())]);
      return Object.fromEntries(await Promise.all(entries));
    }
  }
}

function listenError(error: NodeJS.ErrnoException, { host, port }: Config): unknown {
  if (error.code === "EADDRINUSE") {
    return refusal(
      "ADDRESS_TAKEN",
      `Port ${port} on ${host} is taken by another program. Stop it, or set DOUYA_PORT to another port.`,
    );
  }
  if (error.code === "EACCES") {
    return refusal("ADDRESS_FORBIDDEN", { port });
  }
  if (error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND") {
    return refusal("ADDRESS_UNKNOWN", { host });
  }
  return error;
}
