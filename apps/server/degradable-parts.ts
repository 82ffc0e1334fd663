import type { Pool } from "pg";
import { isDiskFull } from "#platform/errors/disk-full.ts";
import type { ProgressWatch } from "#platform/events/admin/progress.ts";
import { countDeadLetters } from "#platform/events/consumer/dead-letters.ts";
import { readDeadJobs } from "#platform/jobs/dead-jobs.ts";
import { countUntaken } from "#platform/jobs/untaken-jobs.ts";
import type { CheckedMedia } from "#platform/media/media-tool.ts";
import type { Part } from "#platform/observe/degraded.ts";
import type { DiskWatch } from "#platform/observe/disk-watch.ts";
import type { Logger } from "#platform/observe/log.ts";
import { helpers, table } from "./targets.ts";

const queryFreshMs = 5_000;
/** A check starts two processes. */
const mediaFreshMs = 60_000;

/**
 * The parts that can fail while the rest works, whatever the engines are; engines bring their own. Anybody may read their messages, so these name no causes: `douya
 * doctor` does.
 */
export function degradableParts(options: {
  disk: DiskWatch;
  /** Of all databases. */
  pools: () => readonly Pool[];
  progress: () => readonly ProgressWatch[];
  /** Undefined where no module handles media. */
  media: CheckedMedia | undefined;
  /** Of the jobs that only workers in other processes do; undefined where there are none. */
  workedElsewhere?: () => Pool;
  log: Logger;
}): Record<string, Part> {
  const { disk, pools, progress, media, workedElsewhere, log } = options;
  return {
    disk: { look: disk.problem, freshMs: 1_000 },
    ...(media && { media: { look: lookAtMedia(media, log), freshMs: mediaFreshMs, slow: true } }),
    ...(workedElsewhere && {
      mediaWorkers: {
        async look() {
          const count = await countUntaken(workedElsewhere(), "video", helpers.media.kinds);
          return count > 0
            ? `MEDIA_WORKERS_MISSING: ${count} videos wait, and no worker is there; start one: douya serve --target=media`
            : undefined;
        },
        freshMs: queryFreshMs,
      },
    }),
    consumers: { look: async () => stalled(progress()), freshMs: 0 },
    deadLetters: {
      async look() {
        const found = await ofAll(pools(), countDeadLetters);
        const named = found.map(({ group, count }) => `${count} of ${group}`);
        return problem("EVENTS_PARKED", "events could not be handled", named, "douya events dead");
      },
      freshMs: queryFreshMs,
    },
    jobs: {
      async look() {
        const found = await ofAll(pools(), (pool) => readDeadJobs(pool, Object.keys(table)));
        const named = found.map(({ kind, count }) => `${count} of ${kind}`);
        return problem("JOBS_GIVEN_UP", "jobs were given up", named, "douya doctor");
      },
      freshMs: queryFreshMs,
    },
  };
}

async function ofAll<T>(pools: readonly Pool[], read: (pool: Pool) => Promise<T[]>): Promise<T[]> {
  return (await Promise.all(pools.map(read))).flat();
}

function stalled(progress: readonly ProgressWatch[]): string | undefined {
  const groups = progress.flatMap((watch) => watch.stalled());
  const named = groups.map(({ group, seconds, members }) => {
    const nobody = members === 0 ? ", for which nobody works" : "";
    return `${group}${nobody} (the oldest event is ${Math.round(seconds)} s old)`;
  });
  return problem("EVENTS_STALLED", "consumers do not get on", named, "douya doctor");
}

function lookAtMedia(media: CheckedMedia, log: Logger): Part["look"] {
  let told = false;
  return async () => {
    try {
      await media.check();
      told = false;
    } catch (error) {
      // The check itself reports it.
      if (isDiskFull(error)) return undefined;
      if (!told) log.warn({ err: error }, "videos and pictures cannot be processed");
      told = true;
      return "MEDIA_UNUSABLE: videos and pictures cannot be processed; see: douya doctor";
    }
  };
}

function problem(reason: string, what: string, named: string[], command: string): string | undefined {
  return named.length > 0 ? `${reason}: ${what}: ${named.join(", ")}; see: ${command}` : undefined;
}
