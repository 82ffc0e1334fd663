import { AccountsDeleted } from "#contracts/deleted-accounts.ts";
import type { VideoService, VideoStanding } from "#contracts/gen/video_pb.ts";
import type { VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { Standing, StandingStore } from "../standing-store.ts";
import { reachNamed } from "../visibility.ts";

/** One after the other, each in a transaction of its own: a moderator's act is about one, or a few. */
const maxStandings = 100;

export function moderateVideos(
  store: PerCall<StandingStore>,
): Handlers<typeof VideoService>["moderateVideos"] {
  return async ({ standings }, call) => {
    if (standings.length > maxStandings)
      throw refusal("INVALID_ARGUMENT", `standings: at most ${maxStandings} at once.`);
    for (const standing of standings.map(parse))
      await store(call)
        .moderate(standing)
        .catch((error: unknown) => {
          // It is about to be deleted with its author's account.
          if (!(error instanceof AccountsDeleted)) throw error;
        });
    return {};
  };
}

/** Error: INVALID_ARGUMENT. */
function parse({ videoId, version, reach, held }: VideoStanding): Standing {
  const named = reachNamed(reach);
  if (!isId(videoId) || !isId(version) || !named)
    throw refusal("INVALID_ARGUMENT", "standings: say which video, by which act, and how far it reaches.");
  return { videoId: videoId as VideoId, version, reach: named, held };
}
