import type { DescService } from "@bufbuild/protobuf";
import { refusal } from "#contracts/reasons.ts";
import { exportConnections } from "#platform/db/connection-metrics.ts";
import type { Database } from "#platform/db/database.ts";
import { dropLeftStreams } from "#platform/db/move/left-streams.ts";
import { dropLeftOffsets } from "#platform/db/move/move-schema.ts";
import { installationOf } from "#platform/db/placement.ts";
import { exportLag } from "#platform/events/admin/lag-metrics.ts";
import { createHttpServer } from "#platform/http/http-server.ts";
import { addProfileRoute } from "#platform/http/profile-route.ts";
import { leaseIds } from "#platform/ids/node-lease.ts";
import { exportDeadJobs } from "#platform/jobs/dead-jobs.ts";
import { exportWaitingJobs } from "#platform/jobs/waiting-jobs.ts";
import { mediaQueue } from "#platform/media/media-queue.ts";
import type { ModuleContext, Running } from "#platform/module/module.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import { watchParts } from "#platform/observe/degraded.ts";
import { watchDisk } from "#platform/observe/disk-watch.ts";
import { type Logger, lastingChild, setLevel } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { type Offer, startGrpcServer } from "#platform/rpc/grpc-server.ts";
import type { Dependency } from "#platform/rpc/service.ts";
import { createServiceTokens } from "#platform/rpc/service-token.ts";
import { admissionsOf } from "./admissions-of.ts";
import { clusterSecret } from "./cluster-secret.ts";
import type { Config } from "./config.ts";
import { type DatabaseDuties, startDuties } from "./database-duties.ts";
import { degradableParts } from "./degradable-parts.ts";
import { linkModules } from "./link-modules.ts";
import { madeOnce } from "./made-once.ts";
import type { NamedDatabase } from "./module-databases.ts";
import { hostModule, type ModuleHost } from "./module-host.ts";
import { openBlobs } from "./open-blobs.ts";
import { type Databases, openDatabases } from "./open-databases.ts";
import { openEvents } from "./open-events.ts";
import { openMediaTool } from "./open-media-tool.ts";
import { openMemory } from "./open-memory.ts";
import { openRegistry } from "./open-registry.ts";
import { openTransport, refusePlaintext } from "./open-transport.ts";
import { watchPlacements } from "./placement-watch.ts";
import { callersOf, helpers, modulesOf, table } from "./targets.ts";
import { startOrUndo, type UndoSteps } from "./undo-steps.ts";

export interface Server {
  /** Where HTTP listens: http://127.0.0.1:8080 */
  address: string;
  rpcPort: number | undefined;
  modules: string[];
  databases: Databases;
  /** Drains requests, stops modules in reverse order, then the database. */
  stop(): Promise<void>;
}

const hourMs = 3_600_000;
/** How long requests and calls under way may take when a process stops. */
export const drainMs = 10_000;
/** For inspections that people wait for; one usually takes a fraction of a second. */
const mediaQueueOptions = {
  help: "Uploads and pictures that wait to be looked at",
  concurrency: 2,
  perKey: 1,
  maxWaiting: 64,
  maxWaitingPerKey: 8,
  maxWaitMs: 10_000,
};

/**
 * Starts the modules of `target` in this process and links them, directly or by gRPC, to the modules they call. When
 * `stopping` fires before that is done, whatever it waits for, it is undone, and rejects with the signal's reason.
 */
export async function serve(
  config: Config,
  target: string,
  log: Logger,
  stopping = new AbortController().signal,
): Promise<Server> {
  const entries = modulesOf(target);
  let cut = () => {};
  const onStop = () => cut();
  stopping.addEventListener("abort", onStop);
  try {
    return await startOrUndo(log, stopping, start);
  } finally {
    stopping.removeEventListener("abort", onStop);
  }

  async function start(undo: UndoSteps): Promise<Server> {
    const tool = await openMediaTool(config, log);
    stopping.throwIfAborted();
    const metrics = createMetrics();
    const databases = await openDatabases(config, log);
    undo.push(databases.close);
    stopping.throwIfAborted();
    // Migrations may wait ten minutes for a lock.
    cut = () => {
      for (const { database } of databases.all()) database.cut();
    };
    const { alone } = databases;
    const duties: DatabaseDuties[] = [];
    undo.push(async () => {
      await Promise.all(duties.map((one) => one.stop()));
    });
    const startIn = (one: NamedDatabase) => {
      const started = startDuties(one, {
        all: databases.all,
        metrics,
        log,
        alone,
        stalledMs: config.stalledMs,
      });
      duties.push(started);
      return started;
    };
    await databases.migrateAndLease(entries, async () => {
      for (const one of databases.all()) startIn(one);
      const there = duties.filter(({ name }) => !databases.isAway(name));
      await Promise.all(there.map(({ lease }) => lease.taken()));
    });
    stopping.throwIfAborted();
    const dutiesOf = (database: Database) => duties.find((one) => one.database === database)!;
    const dutiesFor = (module: string) => dutiesOf(databases.of(module));
    const [{ lease }] = duties as [DatabaseDuties];
    const ids = await leaseIds(databases.main.pool, { lease, log });
    undo.push(ids.release);
    stopping.throwIfAborted();
    const names = entries.map(({ module }) => module.name);
    const [{ blobs, parts: blobParts }, secret] = await Promise.all([
      openBlobs(config, names),
      clusterSecret(config),
    ]);
    stopping.throwIfAborted();
    const registry = await openRegistry(config, { secret, pool: databases.main.pool, log });
    undo.push(registry.close);
    stopping.throwIfAborted();
    setLevel(log, registry.settings.current("logLevel"));
    registry.settings.watch("logLevel", (level) => setLevel(log, level));
    const { settings } = registry;
    const memory = await openMemory(config, { metrics, secret, settings, log });
    undo.push(memory.close);
    stopping.throwIfAborted();
    const { caches, protect, signals, presence } = memory;
    const media = mediaQueue(tool, protect.fairQueue("media_waiting", mediaQueueOptions));
    const disk = watchDisk(config.dataDir, { log, metrics });
    undo.push(async () => disk.stop());
    exportConnections(metrics, databases.all);
    let isCurrent = () => false;
    const events = openEvents(config, {
      databases: duties,
      databaseOf: databases.of,
      isCurrent: () => isCurrent(),
      secret,
      measure: metrics.batches,
      log,
    });
    undo.push(events.stop);
    const pools = () => databases.all().map(({ database }) => database.pool);
    exportLag(metrics, pools);
    exportDeadJobs(metrics, pools, names);
    exportWaitingJobs(metrics, pools, names);
    const usesMedia = entries.some(({ module }) => module.usesMedia);
    const inspected = usesMedia ? tool : undefined;
    const parts = {
      ...degradableParts({
        disk,
        pools,
        progress: () => duties.map(({ progress }) => progress),
        media: inspected,
        ...(names.includes("video") &&
          config.mediaWorkers === 0 && { workedElsewhere: () => databases.of("video").pool }),
        log,
      }),
      ...blobParts,
      ...memory.parts,
      ...events.parts,
      ...registry.parts,
    };
    const degraded = watchParts(parts, { metrics, log });
    const tokens = createServiceTokens(secret);
    const transport = await openTransport(config, { metrics, log });
    undo.push(async () => transport.stop());
    stopping.throwIfAborted();
    const { credentials } = transport;
    const running = new Map<string, Running<DescService>>();
    const links = linkModules({ running, registry, tokens, credentials, metrics, log });
    undo.push(links.close);

    const hosts = new Map<string, ModuleHost>();
    const watch = watchPlacements({
      main: databases.main.pool,
      lease,
      log,
      placeOf: databases.placeOf,
      modules: Object.keys(table),
      async prepare({ module, database: id, address }) {
        if (id === null || address === null) return;
        const opened = await databases.prepare({ module, database: id, address: fromHex(address) });
        if (opened) events.add(startIn(opened));
        await dutiesOf(databases.withId(id)!).lease.taken();
      },
      async settle(module, id) {
        const before = databases.of(module);
        databases.settle(module, id);
        await hosts.get(module)?.restart();
        // A consumer that did not know yet may have registered its group there again.
        await dropLeftOffsets(module, before.pool);
      },
      hold: async (module) => hosts.get(module)?.hold(),
      letGo: (module) => hosts.get(module)?.letGo(),
    });
    // Later than the modules, one of which may be starting.
    undo.push(watch.stop);
    await watch.look();
    isCurrent = watch.isCurrent;
    undo.push(
      repeatEvery(hourMs, dropStreams, (error) => log.warn({ err: error }, "could not look for slots")),
    );

    for (const entry of entries) {
      stopping.throwIfAborted();
      const { module, config: slice } = entry;
      const clients = Object.entries(module.calls).map(([key, call]) => [
        key,
        links.client(module.name, call),
      ]);
      // What a module has made of these is its own when it starts again.
      const own = { caches: madeOnce(caches), protect: madeOnce(protect) };
      const contextNow = (): ModuleContext<Record<string, Dependency>, unknown, unknown> => ({
        config: slice({ ...config, clusterSecret: secret }),
        db: databases.of(module.name).of(module.name),
        clients: Object.fromEntries(clients),
        outage: (callee) => links.outage(module.name, callee),
        ids,
        jobs: dutiesFor(module.name).jobs.of(module.name),
        events: events.of(module.name),
        blobs,
        media,
        ...own,
        signals,
        presence,
        issuerKeys: registry.issuerKeys,
        settings,
        metrics,
        security: dutiesFor(module.name).security,
        log: lastingChild(log, { module: module.name }),
      });
      const start = async () => {
        for (;;) {
          if (databases.isAway(module.name)) await databases.reach(entry);
          const database = databases.of(module.name);
          const started = await module.start(contextNow());
          if (databases.of(module.name) === database) return started;
          // It was moved while it started.
          await started.stop?.();
        }
      };
      if (module.service && module.migrations) {
        const isAway = databases.isAway(module.name);
        const host = await hostModule(module.service, { start, isAway, look: watch.look, log });
        hosts.set(module.name, host);
        running.set(module.name, host.running);
      } else running.set(module.name, await start());
      const started = running.get(module.name)!;
      undo.push(async () => started.stop?.());
    }
    // Consumers call modules, so they stop first.
    undo.push(events.stop);
    const rpcPort = await offerModules();
    let draining = false;
    const app = createHttpServer({ ...config, log, metrics, readiness, degraded: degraded.problems });
    const ending = new AbortController();
    addProfileRoute(app, { tokens, stopping: ending.signal, log });
    for (const [name, module] of running) {
      const { routes } = module;
      if (routes) await app.register(routes);
      log.debug({ module: name }, "module started");
    }
    undo.push(async () => {
      draining = true;
      ending.abort();
      const timer = setTimeout(() => app.server.closeAllConnections(), drainMs);
      await app.close();
      clearTimeout(timer);
    });
    stopping.throwIfAborted();
    const address = await app.listen({ host: config.host, port: config.port }).catch((error) => {
      throw listenError(error, config);
    });
    // Gone from there before anything is drained.
    if (rpcPort !== undefined) undo.push(registry.announce([...running.keys()], rpcPort));
    return { address, rpcPort, modules: [...running.keys()], databases, stop: undo.stop };

    /** Of moves that were killed. */
    async function dropStreams(): Promise<void> {
      const main = databases.main.pool;
      const installation = await installationOf(main);
      for (const { name, database } of databases.all()) {
        if (databases.isAway(name)) continue;
        const isHere = (module: string) => databases.of(module) === database;
        const dropped = await dropLeftStreams(database.pool, { main, installation, isHere });
        if (dropped.length > 0)
          log.warn({ slots: dropped }, "dropped replication slots that a move left behind");
      }
    }

    /** Where no worker is in this process, others are outside. */
    function isElsewhere(caller: string): boolean {
      return !running.has(caller) && (!Object.hasOwn(helpers, caller) || config.mediaWorkers === 0);
    }

    async function offerModules(): Promise<number | undefined> {
      const offers: Offer[] = entries
        .filter(({ module }) => module.service && [...callersOf(module.name).keys()].some(isElsewhere))
        .map(({ module }) => ({
          service: module.service!,
          handlers: running.get(module.name)!.handlers,
          callers: callersOf(module.name),
          admissionOf: admissionsOf(module, protect),
        }));
      if (offers.length === 0) return undefined;
      const { rpcHost: host, rpcPort: port } = config;
      refusePlaintext(config);
      const server = await startGrpcServer({
        offers,
        host,
        port,
        tokens,
        credentials,
        meter: metrics.rpc,
        log,
      });
      undo.push(() => server.stop(drainMs));
      return server.port;
    }

    async function readiness(): Promise<Record<string, string | undefined>> {
      if (draining) return Object.fromEntries([...running.keys()].map((name) => [name, "stopping"]));
      const down = new Map(
        await Promise.all(duties.map(async (one) => [one.database, await one.down()] as const)),
      );
      const entries = [...running].map(async ([name, module]) => [
        name,
        down.get(databases.of(name)) ?? (await module.notReady?.()),
      ]);
      return Object.fromEntries(await Promise.all(entries));
    }
  }
}

/** Of a bytea as PostgreSQL writes it: \\x00ff */
function fromHex(text: string): Buffer {
  return Buffer.from(text.slice(2), "hex");
}

export function listenError(error: NodeJS.ErrnoException, { host, port }: Config): unknown {
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
