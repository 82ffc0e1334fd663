import { Counter } from "prom-client";
import { PlaybackService } from "#contracts/gen/playback_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { defineModule } from "#platform/module/module.ts";
import { only } from "#platform/rpc/service.ts";
import { countPlays } from "./count-plays.ts";
import { beginSessions } from "./handlers/begin-sessions.ts";
import { countSent } from "./handlers/count-sent.ts";
import { getViews } from "./handlers/get-views.ts";
import { historyHandlers } from "./handlers/history.ts";
import { report } from "./handlers/report.ts";
import { historyStore, keepHistory } from "./history-store.ts";
import { startLaneReader } from "./lane-reader.ts";
import { laneWriter } from "./lane-writer.ts";
import { migrations } from "./migrations.ts";
import { createPartitions } from "./partitions.ts";
import { playTokens } from "./play-tokens.ts";
import { reportPace } from "./report-pace.ts";
import { storePlays } from "./store-plays.ts";
import type { Tables } from "./tables.ts";
import { viewStore } from "./view-store.ts";
import { findWatchable } from "./watchable-videos.ts";

export interface PlaybackConfig {
  /** Of the installation; the keys of tokens and of the numbers that stand for viewers are derived from it. */
  secret: string;
  /** How many views of one video one viewer makes on a day, at most. */
  viewsPerViewer: number;
}

/** Views of videos, what each person watched and how far, rankings, and what authors learn. */
export const playbackModule = defineModule<PlaybackConfig, Tables>()({
  name: "playback",
  service: PlaybackService,
  calls: { video: only(VideoService, "getVideos") },
  migrations,
  async start({ config, db, clients, ids, events, caches, protect, metrics, log }) {
    const refusedEntries = new Counter({
      name: "douya_plays_refused",
      help: "What players told that was not counted, by why",
      labelNames: ["reason"],
      registers: [metrics.registry],
    });
    const refused = (reason: string) => refusedEntries.inc({ reason });
    const partitions = createPartitions(db);
    const tokens = playTokens(config.secret);
    const watchable = findWatchable(clients.video, events, caches);
    const history = perCall(db, historyStore);
    const views = perCall(db, viewStore);
    const plays = startLaneReader(
      db,
      countPlays({ partitions, maxViews: config.viewsPerViewer, also: async () => {} }),
      (error) => log.warn({ err: error }, "could not count plays"),
    );
    const positions = startLaneReader(db, keepHistory, (error) =>
      log.warn({ err: error }, "could not keep what was watched"),
    );
    const pace = reportPace();
    const store = storePlays(laneWriter(db, ids, partitions), (tookMs) => {
      pace.stored(tookMs);
      plays.wake();
      positions.wake();
    });
    return {
      handlers: {
        beginSessions: beginSessions({
          ...{ tokens, watchable, history },
          tooMany: () => refused("TOO_MANY_REQUESTS"),
          guestPlays: protect.rateLimit("plays of guests", { burst: 300, perMinute: 20 }),
        }),
        report: report({ tokens, watchable, history, store, refused, reportEveryMs: pace.everyMs }),
        countSent: countSent({ tokens, watchable, history, store }),
        getViews: getViews(views),
        ...historyHandlers(history),
        listRanking: async () => ({ videos: [] }),
        getFigures: async () => ({}) as never,
      },
      async stop() {
        await plays.stop();
        await positions.stop();
      },
    };
  },
});
