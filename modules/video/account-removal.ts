import { accountClosing, accountRefused, accountRemoved } from "#contracts/events.ts";
import type { UserId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer.ts";
import type { Events } from "#platform/events/events.ts";
import { inTimeSlices } from "#platform/events/time-slice.ts";
import type { JobQueue } from "#platform/jobs/job-queue.ts";
import type { AccountStore } from "./account-store.ts";
import type { Tables } from "./tables.ts";
import type { VideoStore } from "./video-store.ts";

/**
 * Says whether a closing account may go, as far as videos are concerned, and if so removes them: each like one that
 * its author deletes, so that what others have of it goes as well.
 */
export function followClosings(
  events: Events,
  db: Kysely<Tables>,
  stores: { videos: VideoStore; accounts: AccountStore },
  jobs: JobQueue,
): Consumer {
  const { videos, accounts } = stores;
  return events.consume({
    group: "video.accounts",
    db,
    types: [accountClosing],
    handle: inTimeSlices(async (_transaction, closings, { emit, checkTimeSlice }) => {
      for (const { message } of closings) {
        const { userId, closingId } = message;
        if (!(await accounts.shutOut(userId, closingId))) {
          emit(accountRefused, { userId, closingId, reason: "VIDEO_HELD" });
          continue;
        }
        // In transactions of their own, since there may be many; doing it again does no harm.
        for (let ids = await accounts.someVideos(userId); ids.length > 0; ) {
          for (const id of ids) {
            await videos.deleteVideo(id, userId as UserId, jobs);
            checkTimeSlice();
          }
          ids = await accounts.someVideos(userId);
        }
        while (await accounts.removeUploads(userId as UserId, jobs)) checkTimeSlice();
        emit(accountRemoved, { userId, closingId });
      }
      jobs.wake();
    }),
  });
}
