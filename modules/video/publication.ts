import { sql } from "kysely";
import { videoPublished, videoVisibilityChanged } from "#contracts/events.ts";
import type { VideoId } from "#contracts/ids.ts";
import type { Kysely, Queryable, Transaction } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { isTransient } from "#platform/events/transient-error.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import { countWorks, isGone } from "./author-rows.ts";
import { shownBy, shownColumns } from "./shown-files.ts";
import type { Tables } from "./tables.ts";
import { toVisibility } from "./visibility.ts";

/** The job that publishes a draft at the time that its author has set. */
export const publishAtKind = "publish-at";
/** Another time is another job; that of an earlier one finds nothing to do. */
export const publishAtKey = (id: string, publishAtMs: number | string) => `${id} ${publishAtMs}`;

export async function schedulePublication(
  on: Queryable<Tables>,
  jobs: Jobs,
  { id, publishAtMs, traceId }: { id: VideoId; publishAtMs: number | null | undefined; traceId?: string },
): Promise<void> {
  if (publishAtMs == null) return;
  const runAt = new Date(publishAtMs);
  await jobs.add(on, publishAtKind, publishAtKey(id, publishAtMs), { runAt, ...(traceId && { traceId }) });
}

/** Publishes a video that is ready and locked, with its count and its event. */
export async function publishReady(
  on: Transaction<Tables>,
  emit: Emit,
  id: VideoId,
  traceId?: string,
): Promise<void> {
  const video = await on
    .updateTable("video")
    .set({
      state: "published",
      draft: false,
      publish_at_ms: null,
      published_ms: sql`floor(extract(epoch from clock_timestamp()) * 1000)`,
    })
    .where("id", "=", id)
    .where("state", "=", "ready")
    .returning(["author_id", "published_ms", "visibility", ...shownColumns])
    .executeTakeFirstOrThrow();
  const published = { videoId: id, authorId: video.author_id, publishedAtMs: Number(video.published_ms) };
  if (video.visibility === "public") {
    await countWorks(on, video.author_id, 1);
    emit(videoPublished, published, traceId);
  } else {
    const change = { now: toVisibility(video.visibility), blobKeys: await shownBy(on, id, video) };
    emit(videoVisibilityChanged, { ...published, ...change }, traceId);
  }
}

/** One that is still being made is published when it is finished, since its time has come by then. */
export function publishAtTime(db: Kysely<Tables>, events: EventWriter<Tables>): JobKind {
  return {
    maxAttempts: 20,
    snoozeOn: isTransient,
    timeoutMs: 30_000,
    brief: true,
    async run(job) {
      const [id = "", publishAtMs] = job.key.split(" ");
      await events.transaction(db, async (transaction, emit) => {
        // Locked first: otherwise one that is being finished just now would be neither made nor due.
        const video = await transaction
          .selectFrom("video")
          .select(["state", "publish_at_ms", "author_id"])
          .where("id", "=", id)
          .forUpdate()
          .executeTakeFirst();
        const isDue = video?.state === "ready" && video.publish_at_ms === publishAtMs;
        if (isDue && !(await isGone(transaction, video.author_id)))
          await publishReady(transaction, emit, id as VideoId, job.traceId);
        await job.finish(transaction);
      });
    },
  };
}
