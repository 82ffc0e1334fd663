import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { type Config, readConfig } from "#apps/server/config.ts";
import { migrateAll } from "#apps/server/storage.ts";
import { modulesOf } from "#apps/server/targets.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { readLag } from "#platform/events/admin/lag.ts";
import { createEvents, type ProcessEvents } from "#platform/events/events.ts";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import { createJobs } from "#platform/jobs/jobs.ts";
import { startLease } from "#platform/lease/process-lease.ts";
import { lazyMediaTool } from "#platform/media/lazy-media-tool.ts";
import type { Running } from "#platform/module/module.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import type { Call } from "#platform/rpc/call.ts";
import { directClient } from "#platform/rpc/direct-link.ts";
import type { Client } from "#platform/rpc/service.ts";
import { createSecurityLog } from "#platform/security/security-log.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { createTestDatabase } from "#platform/testing/test-database.ts";
import { nowAndThenMs, until } from "./within.ts";

/** The modules themselves on their own database, without HTTP: for tests that act thousands of times. */
export interface InProcess {
  database: Database;
  events: ProcessEvents;
  client<S extends DescService>(service: S): Client<S>;
  as(callerId: string): Call;
  /** Waits until every consumer and every job of the feeds is done. */
  settled(): Promise<void>;
  close(): Promise<void>;
}

/** Starts `target`, without media. */
export async function startModules(target: string, changes: Partial<Config>): Promise<InProcess> {
  const log = createLog("error");
  const own = await createTestDatabase();
  const dir = await mkdtemp(join(tmpdir(), "douya-modules-"));
  const database = openDatabase(own.url, { log });
  const entries = modulesOf(target);
  await migrateAll(database, entries);
  const lease = startLease(database.pool, { log });
  const events = createEvents({ database, lease, log });
  const jobs = createJobs({ database, lease, log });
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
      db: database.of(module.name),
      clients: Object.fromEntries(
        Object.entries(module.calls).map(([name, { service }]) => [name, client(service)]),
      ),
      ids: createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now }),
      jobs: jobs.of(module.name),
      events: events.of(module.name),
      blobs: await diskBlobStore(join(dir, "blobs")),
      media: lazyMediaTool(() => Promise.reject(new Error("There is no media here."))),
      caches,
      protect,
      metrics,
      security: createSecurityLog(database.of("security"), log),
      log,
    });
    running.set(module.service!, started);
  }
  return {
    database,
    events,
    client,
    as: (callerId) => ({ callerId, traceId: "0".repeat(32), deadlineMs: Date.now() + patienceMs }),
    async settled() {
      await until(
        "everything is handled",
        async () => {
          const groups = await readLag(database.pool);
          const dead = groups.filter((group) => group.deadLetters > 0);
          if (dead.length > 0) throw new Error(`dead letters of ${dead.map((one) => one.group)}`);
          if (groups.some((group) => group.records > 0)) return false;
          const { rows } = await database.pool.query(
            "select from feed.job union all select from relation.job",
          );
          return rows.length === 0;
        },
        nowAndThenMs,
      );
    },
    async close() {
      await events.stop();
      for (const module of [...running.values()].reverse()) await module.stop?.();
      await jobs.stop();
      await lease.release();
      await database.close();
      await own.drop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
