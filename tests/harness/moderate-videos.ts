import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settingsFile } from "#apps/server/cluster/cluster.ts";
import { clusterSecret } from "#apps/server/cluster-secret.ts";
import { readConfig } from "#apps/server/config.ts";
import { modulesOf } from "#apps/server/targets.ts";
import { type Reach, VideoService } from "#contracts/gen/video_pb.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { openDatabase } from "#platform/db/database.ts";
import { createEvents } from "#platform/events/events.ts";
import { startLease } from "#platform/lease/process-lease.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import { directClient } from "#platform/rpc/direct-link.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import type { ClusterDeployment } from "./cluster.ts";
import type { Deployment } from "./shape.ts";

const idle = { settled: async () => {}, wake() {}, hasRoom: () => false, stop: async () => {} };

/** With which the processes of a deployment sign. */
export function secretOf(deployment: Deployment | ClusterDeployment): Promise<string> {
  const settings =
    "dir" in deployment
      ? { DOUYA_CONFIG: join(deployment.dir, settingsFile) }
      : { DOUYA_DATA: deployment.dataDir };
  return clusterSecret(readConfig(settings));
}

/**
 * What moderators do, as one more process of the video module does it, in the database of a deployment. This process does
 * nothing else of the module: its jobs and consumers are left to those that have its files.
 */
export async function videoModeration(deployment: Deployment) {
  const log = createLog("error");
  const dir = await mkdtemp(join(tmpdir(), "douya-moderation-"));
  const database = openDatabase(deployment.databaseUrlOf("video"), { log });
  const lease = startLease(database.pool, { log });
  const events = createEvents({ databases: [{ database, lease }], databaseOf: () => database, log });
  const metrics = createMetrics();
  const [{ module, config }] = modulesOf("video") as [ReturnType<typeof modulesOf>[number]];
  const running = await module.start({
    ...{ config: config(readConfig({})), db: database.of("video"), clients: {}, metrics, log },
    events: { ...events.of("video"), consume: () => idle },
    jobs: { work: () => idle },
    ...{ blobs: await diskBlobStore(dir), protect: embeddedProtection({ limits: false, metrics }) },
  } as never);
  const video = directClient(VideoService, running.handlers as never, metrics.rpc);
  let acts = 0;
  return {
    async let(videoId: string, reach: Reach): Promise<void> {
      const version = String(Date.now() * 1000 + ++acts);
      const call = { traceId: "0".repeat(32), deadlineMs: Date.now() + patienceMs };
      await video.moderateVideos({ standings: [{ videoId, version, reach, held: false }] }, call);
    },
    async close() {
      await running.stop?.();
      await events.stop();
      await lease.release();
      await database.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
