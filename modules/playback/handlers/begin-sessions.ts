import type { PlaybackService } from "#contracts/gen/playback_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { RateLimit } from "#platform/protect/rate-limit.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { PlayTokens } from "../play-tokens.ts";
import { maxVideos } from "../rules.ts";
import type { FindWatchable } from "../watchable-videos.ts";
import type { WatcherOf } from "../watchers.ts";

/** Gives the tokens with which players tell what is watched. */
export function beginSessions({
  tokens,
  watchable,
  watcherOf,
  plays,
  guestPlays,
  tooMany,
}: {
  tokens: Pick<PlayTokens, "issue">;
  watchable: FindWatchable;
  watcherOf: WatcherOf;
  /** By watcher and video: whoever counts one play of a day looks at all of them. */
  plays: RateLimit;
  /** By address and video: a class may watch one, a machine that makes up guests soon comes to the end. */
  guestPlays: RateLimit;
  tooMany(): void;
}): Handlers<typeof PlaybackService>["beginSessions"] {
  return async ({ videoIds, guest, address }, call) => {
    if (videoIds.length > maxVideos)
      throw refusal("INVALID_ARGUMENT", `videoIds: at most ${maxVideos} at once.`);
    const ids = [...new Set(videoIds.filter(isId))];
    const startedMs = Date.now();
    const [watcher, found] = await Promise.all([watcherOf(startedMs, guest, call), watchable(ids, call)]);
    const isGuest = watcher.userId === undefined;
    const sessions = await Promise.all(
      ids.map(async (videoId) => {
        const video = found.get(videoId);
        if (!video || !(await isWithin(plays, `${watcher.viewer} ${videoId}`))) return [];
        if (isGuest && !(await isWithin(guestPlays, `${address} ${videoId}`))) return [];
        return [{ videoId, token: tokens.issue({ videoId, ...video, ...watcher, startedMs }) }];
      }),
    );
    return { sessions: sessions.flat() };
  };

  async function isWithin(limit: RateLimit, key: string): Promise<boolean> {
    try {
      await limit.take(key);
      return true;
    } catch (error) {
      if (!(error instanceof DomainError && error.reason === "TOO_MANY_REQUESTS")) throw error;
      tooMany();
      return false;
    }
  }
}
