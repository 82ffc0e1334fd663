import { PlaybackService } from "#contracts/gen/playback_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { readOwnData } from "#platform/export/read-own-data.ts";
import { rebuildJobs, rebuildKind } from "#platform/jobs/rebuild.ts";
import { defineModule } from "#platform/module/module.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import { only } from "#platform/rpc/service.ts";
import { archiveUses } from "./archive.ts";
import { projectRanked, rankedEvents } from "./consume-ranked.ts";
import { countActs, countedActs } from "./count-acts.ts";
import { countPlays } from "./count-plays.ts";
import { consumeErasures, consumeVideoDeletions } from "./erasure.ts";
import { erasureStore } from "./erasure-store.ts";
import { figuresStore } from "./figures-store.ts";
import { beginSessions } from "./handlers/begin-sessions.ts";
import { countSent } from "./handlers/count-sent.ts";
import { getFigures } from "./handlers/get-figures.ts";
import { getViews } from "./handlers/get-views.ts";
import { historyHandlers } from "./handlers/history.ts";
import { listRanking } from "./handlers/list-ranking.ts";
import { report } from "./handlers/report.ts";
import { historyStore, keepHistory } from "./history-store.ts";
import { startLaneReader } from "./lane-reader.ts";
import { laneWriter } from "./lane-writer.ts";
import { migrations } from "./migrations.ts";
import { ownData } from "./own-data-store.ts";
import { createPartitions } from "./partitions.ts";
import { playTokens } from "./play-tokens.ts";
import { describeProof, playsCommand } from "./plays-command.ts";
import { rankingCounts } from "./ranking-recount.ts";
import { rankingStore } from "./ranking-store.ts";
import { rebuildRankings } from "./rebuild-rankings.ts";
import { rebuildViews } from "./rebuild-views.ts";
import { counts } from "./recount.ts";
import { reportPace } from "./report-pace.ts";
import { storePlays } from "./store-plays.ts";
import type { Tables } from "./tables.ts";
import { startUpkeep } from "./upkeep.ts";
import { viewStore } from "./view-store.ts";
import { findWatchable } from "./watchable-videos.ts";
import { watchers } from "./watchers.ts";

export interface PlaybackConfig {
  /** Of the installation; the keys of tokens and of the numbers that stand for viewers are derived from it. */
  secret: string;
  /** How many views of one video one viewer makes on a day, at most. */
  viewsPerViewer: number;
  /** How long what players told is kept in the database. */
  playsKeptDays: number;
}

/** Sessions whose tokens are remembered: a few of each of 10,000 viewers, in 20 MB. */
const maxVerified = 50_000;
/** So that a read has few to leave out. */
const expireEveryMs = 60_000;

/** Views of videos, what each person watched and how far, rankings, and what authors learn. */
export const playbackModule = defineModule<PlaybackConfig, Tables>()({
  name: "playback",
  service: PlaybackService,
  calls: { video: only(VideoService, "getVideos") },
  migrations,
  blobUses: archiveUses,
  checks: { Plays: describeProof },
  commands: { plays: playsCommand },
  recount: [...counts, ...rankingCounts()],
  ownData,
  readModels: { views: { group: "playback.figures" }, "watched-rankings": { group: "playback.rankings" } },
  async start(context) {
    const { config, db, clients, ids, events, jobs, blobs, caches, protect, metrics, security, log } =
      context;
    const refusedEntries = metrics.counter(
      "douya_plays_refused",
      "What players told that was not counted, by why",
      "reason",
    );
    const refused = (reason: string) => refusedEntries.inc({ reason });
    const partitions = createPartitions(db);
    const { isClosed } = partitions;
    const tokens = playTokens(config.secret, caches.local("verified play tokens", { max: maxVerified }));
    const watchable = findWatchable(clients.video, events, caches);
    const history = perCall(db, historyStore);
    const watcherOf = watchers(tokens, history);
    const views = perCall(db, viewStore);
    const rankings = perCall(db, (until) => rankingStore(until, Date.now));
    const plays = startLaneReader(
      db,
      countPlays({ partitions, maxViews: config.viewsPerViewer, also: rankings.lasting.addPlays }),
      (error) => log.warn({ err: error }, "could not count plays"),
    );
    const positions = startLaneReader(db, keepHistory, (error) =>
      log.warn({ err: error }, "could not keep what was watched"),
    );
    const projection = events.consume<(typeof rankedEvents)[number]>({
      group: "playback.rankings",
      types: rankedEvents,
      handle: projectRanked(rankings.lasting),
    });
    const stopExpiry = repeatEvery(expireEveryMs, rankings.lasting.expire, (error) =>
      log.warn({ err: error }, "could not expire the rankings"),
    );
    const figures = perCall(db, figuresStore);
    const erasure = perCall(db, (until) => erasureStore(until));
    const acts = events.consume({
      group: "playback.figures",
      types: countedActs,
      ...countActs(partitions, clients.video),
    });
    const deletions = consumeVideoDeletions(events, erasure, rankings);
    const erasures = consumeErasures(events, erasure);
    const workers = jobs.work({
      kinds: {
        [rebuildKind]: rebuildJobs({ views: rebuildViews(db), "watched-rankings": rebuildRankings(db) }),
      },
      concurrency: 1,
    });
    const stopUpkeep = startUpkeep({ db, blobs, rawDays: config.playsKeptDays, log, metrics });
    const pace = reportPace();
    const store = storePlays(laneWriter(db, ids, partitions), (tookMs) => {
      pace.stored(tookMs);
      plays.wake();
      positions.wake();
    });
    return {
      handlers: {
        readOwnData: readOwnData(
          ownData,
          perCall(db, (until) => until),
        ),
        beginSessions: beginSessions({
          ...{ tokens, watchable, watcherOf },
          tooMany: () => refused("TOO_MANY_REQUESTS"),
          plays: protect.rateLimit("plays of a video", { burst: 60, perMinute: 6 }),
          guestPlays: protect.rateLimit("plays of guests", { burst: 300, perMinute: 20 }),
        }),
        report: report({
          ...{ tokens, watchable, history, store, isClosed, refused },
          entriesOf: protect.rateLimit("entries of plays", { burst: 1_200, perMinute: 600 }),
          reportEveryMs: pace.everyMs,
        }),
        countSent: countSent({ watchable, watcherOf, store, isClosed }),
        getViews: getViews(views),
        ...historyHandlers(history),
        listRanking: listRanking(rankings.reading),
        getFigures: getFigures(figures, clients.video, security),
      },
      async stop() {
        await workers.stop();
        await stopUpkeep();
        await stopExpiry();
        await projection.stop();
        await plays.stop();
        await positions.stop();
        for (const consumer of [acts, deletions, erasures]) await consumer.stop();
      },
    };
  },
});
