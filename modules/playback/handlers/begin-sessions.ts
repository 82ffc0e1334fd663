import type { PlaybackService } from "#contracts/gen/playback_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { RateLimit } from "#platform/protect/rate-limit.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { HistoryStore } from "../history-store.ts";
import type { PlayTokens } from "../play-tokens.ts";
import { maxVideos } from "../rules.ts";
import type { FindWatchable } from "../watchable-videos.ts";

const guestForm = /^[\w-]{1,64}$/;

/** Gives the tokens with which players tell what is watched. */
export function beginSessions({
  tokens,
  watchable,
  history,
  guestPlays,
  tooMany,
}: {
  tokens: PlayTokens;
  watchable: FindWatchable;
  history: PerCall<HistoryStore>;
  /** By address and video: a class may watch one, a machine that makes up guests soon comes to the end. */
  guestPlays: RateLimit;
  tooMany(): void;
}): Handlers<typeof PlaybackService>["beginSessions"] {
  return async ({ videoIds, guest, address }, call) => {
    if (videoIds.length > maxVideos)
      throw refusal("INVALID_ARGUMENT", `videoIds: at most ${maxVideos} at once.`);
    const { callerId: userId } = call;
    if (userId === undefined && !guestForm.test(guest))
      throw refusal("INVALID_ARGUMENT", "guest: say which guest it is.");
    const ids = [...new Set(videoIds.filter(isId))];
    const startedMs = Date.now();
    const viewer = tokens.viewerAt(startedMs, userId === undefined ? { guest } : { userId });
    const [found, paused] = await Promise.all([watchable(ids, call), isPaused(call)]);
    const sessions = await Promise.all(
      ids.map(async (videoId) => {
        const video = found.get(videoId);
        if (!video || (userId === undefined && !(await mayCount(`${address} ${videoId}`)))) return [];
        const play = { videoId, ...video, userId, viewer, startedMs, kept: !paused };
        return [{ videoId, token: tokens.issue(play) }];
      }),
    );
    return { sessions: sessions.flat() };
  };

  async function isPaused(call: ServedCall): Promise<boolean> {
    return call.callerId === undefined || history.reading(call).isPaused(call.callerId);
  }

  async function mayCount(key: string): Promise<boolean> {
    try {
      await guestPlays.take(key);
      return true;
    } catch (error) {
      if (!(error instanceof DomainError && error.reason === "TOO_MANY_REQUESTS")) throw error;
      tooMany();
      return false;
    }
  }
}
