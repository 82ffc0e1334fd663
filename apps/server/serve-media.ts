import { join } from "node:path";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { createHttpServer } from "#platform/http/http-server.ts";
import { addProfileRoute } from "#platform/http/profile-route.ts";
import { startWorkers } from "#platform/jobs/workers.ts";
import { watchParts } from "#platform/observe/degraded.ts";
import { watchDisk } from "#platform/observe/disk-watch.ts";
import { type Logger, lastingChild, setLevel } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { grpcLink } from "#platform/rpc/grpc-link.ts";
import { createServiceTokens } from "#platform/rpc/service-token.ts";
import { clusterSecret } from "./cluster-secret.ts";
import type { Config } from "./config.ts";
import { degradableParts } from "./degradable-parts.ts";
import { openMediaTool } from "./open-media-tool.ts";
import { openRegistry } from "./open-registry.ts";
import { openTransport } from "./open-transport.ts";
import { listenError, type Server } from "./serve.ts";
import { helpers } from "./targets.ts";
import { startOrUndo, type UndoSteps } from "./undo-steps.ts";

/**
 * A worker that makes the files of videos: it is given the address of the video module, the secret and a folder. When
 * `stopping` fires before it has started, that is undone, and rejects with the signal's reason.
 */
export async function serveMedia(
  config: Config,
  log: Logger,
  stopping = new AbortController().signal,
): Promise<Omit<Server, "databases">> {
  return startOrUndo(log, stopping, start);

  async function start(undo: UndoSteps) {
    const { name, calls } = helpers.media;
    const scratch = await diskBlobStore(join(config.dataDir, "media"));
    const tool = await openMediaTool(config, log);
    const metrics = createMetrics();
    const secret = await clusterSecret(config);
    stopping.throwIfAborted();
    const registry = await openRegistry(config, { secret, pool: undefined, log });
    undo.push(registry.close);
    stopping.throwIfAborted();
    setLevel(log, registry.settings.current("logLevel"));
    registry.settings.watch("logLevel", (level) => setLevel(log, level));
    const disk = watchDisk(config.dataDir, { log, metrics });
    undo.push(async () => disk.stop());
    const transport = await openTransport(config, { metrics, log });
    undo.push(async () => transport.stop());
    stopping.throwIfAborted();
    const tokens = createServiceTokens(secret);
    const link = grpcLink({
      from: name,
      to: "video",
      endpoints: registry.endpoints("video"),
      tokens,
      credentials: transport.credentials,
      meter: metrics.rpc,
      log,
    });
    undo.push(async () => link.close());
    const worker = await helpers.media.start({
      video: link.client(calls.video.service),
      media: tool,
      scratch,
      startWork: startWorkers,
      workers: Math.max(1, config.mediaWorkers),
      log: lastingChild(log, { module: name }),
    });
    undo.push(worker.stop);
    stopping.throwIfAborted();
    const parts = degradableParts({ disk, pools: () => [], progress: () => [], media: tool, log });
    const degraded = watchParts({ ...parts, ...registry.parts }, { metrics, log });
    const readiness = async () => ({ [name]: link.outage()?.message });
    const app = createHttpServer({ ...config, log, metrics, readiness, degraded: degraded.problems });
    const ending = new AbortController();
    addProfileRoute(app, { tokens, stopping: ending.signal, log });
    undo.push(async () => {
      ending.abort();
      await app.close();
    });
    const address = await app.listen({ host: config.host, port: config.port }).catch((error) => {
      throw listenError(error, config);
    });
    return { address, rpcPort: undefined, modules: [name], stop: undo.stop };
  }
}
