import { createHash } from "node:crypto";
import { type PlaybackService, Source } from "#contracts/gen/playback_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { minuteMs, startOf } from "../rules.ts";
import type { StorePlays } from "../store-plays.ts";
import type { FindWatchable } from "../watchable-videos.ts";
import type { WatcherOf } from "../watchers.ts";

/** Players ask for a film in pieces. */
const sessionMs = 30 * minuteMs;

/** Counts a film that was sent to a client that tells nothing itself. */
export function countSent({
  watchable,
  watcherOf,
  store,
  isClosed,
}: {
  watchable: FindWatchable;
  watcherOf: WatcherOf;
  store: StorePlays;
  isClosed(startedMs: number): boolean;
}): Handlers<typeof PlaybackService>["countSent"] {
  return async ({ videoId, guest, share }, call) => {
    if (!(share >= 0 && share <= 1)) throw refusal("INVALID_ARGUMENT", "share: from 0 to 1.");
    if (!isId(videoId)) return {};
    const video = (await watchable([videoId], call)).get(videoId);
    if (!video || video.durationMs === 0) return {};
    const nowMs = Date.now();
    const startedMs = startOf(nowMs, sessionMs);
    if (isClosed(startedMs)) return {};
    const watcher = await watcherOf(startedMs, guest, call);
    const sentMs = Math.round(share * video.durationMs);
    const play = { videoId, ...video, ...watcher, startedMs, session: sessionOf(watcher.viewer) };
    const told = {
      atMs: nowMs,
      positionMs: sentMs,
      watchedMs: sentMs,
      loops: 0,
      ended: share === 1,
      source: Source.UNSPECIFIED,
      picture: 0,
    };
    await store([{ play, told, furthestMs: sentMs }], call);
    return {};
  };
}

/** The same for all requests of a viewer, of whom there is one session in half an hour. */
function sessionOf(viewer: string): string {
  return (createHash("sha256").update(viewer).digest().readBigUInt64BE() >> 1n).toString();
}
