import type { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type DailyCommand, type DailyStore, guestId } from "../daily-store.ts";
import type { PublishedVideos } from "../published-videos.ts";
import { keyOf } from "../video-commands.ts";

const guestForm = /^[\w-]{1,64}$/;

/** Films that people save as files, where their authors allow it. */
export function countDownload(
  store: PerCall<DailyStore>,
  videos: PublishedVideos,
): Handlers<typeof InteractionService>["countDownload"] {
  const apply = createBatcher((commands: DailyCommand[], batch) => store(batch).apply(commands), {
    parallel: 2,
    conflict: keyOf,
  });
  return async ({ videoId, guest }, call) => {
    const userId = call.callerId ?? guestId;
    if (userId === guestId && !guestForm.test(guest))
      throw refusal("INVALID_ARGUMENT", "guest: say which guest it is.");
    const { downloadAllowed } = await videos.ensureRow(videoId, call);
    if (!downloadAllowed) throw refusal("DOWNLOADS_NOT_ALLOWED");
    const who = userId === guestId ? { guest, label: guest } : { label: "" };
    const command = { videoId, userId, ...who, atMs: Date.now(), traceId: call.traceId };
    const changed = await apply(command, call);
    if (changed instanceof DomainError) throw changed;
    if (changed === undefined) throw refusal("VIDEO_NOT_FOUND");
    return { changed };
  };
}
