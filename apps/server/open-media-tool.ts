import { HARDWARE } from "#platform/media/encoders.ts";
import { findMediaTool } from "#platform/media/find-media-tool.ts";
import { lazyMediaTool } from "#platform/media/lazy-media-tool.ts";
import type { CheckedMedia } from "#platform/media/media-tool.ts";
import type { Logger } from "#platform/observe/log.ts";
import { type Config, searchPath } from "./config.ts";
import { mediaWorkerPath } from "./paths.ts";

/** What makes files of strangers' files. Error: CONFIG_INVALID, if the configuration names a tool that does not fit. */
export async function openMediaTool(config: Config, log: Logger): Promise<CheckedMedia> {
  const find = () =>
    findMediaTool({
      workerPath: mediaWorkerPath,
      searchPath,
      dataDir: config.dataDir,
      ffmpegPath: config.ffmpeg || undefined,
      limits: { maxDurationMs: config.maxVideoMs },
      // Only rungs are encoded by it, and each trial is a program.
      hardware: config.encoder === "auto" && config.rungShortSidesPx.length > 0 ? HARDWARE : [],
      log,
    });
  // A tool that the configuration names must exist; otherwise it is searched when it is needed.
  if (config.ffmpeg) await find();
  return lazyMediaTool(find);
}
