import { AccountsDeleted } from "#contracts/deleted-accounts.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireModerator } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import type { VideoStore } from "../video-store.ts";

/** A video that is about to be deleted with its author counts as gone. */
function notFoundWhenGone(error: unknown): boolean {
  if (error instanceof AccountsDeleted) return false;
  throw error;
}

export function holdVideo(
  store: PerCall<VideoStore>,
  security: SecurityLog,
): Handlers<typeof VideoService>["holdVideo"] {
  return async ({ id, held, reason }, call) => {
    const actorId = requireModerator(call);
    const found =
      isId(id) &&
      (await store(call)
        .setHeld(id as VideoId, held)
        .catch(notFoundWhenGone));
    if (!found) throw refusal("VIDEO_NOT_FOUND");
    const kind = held ? "video-held" : "video-released";
    await security.write({ kind, actorId, subject: `video ${id}`, reason });
    return {};
  };
}
