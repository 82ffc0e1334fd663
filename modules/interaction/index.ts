import { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { RelationService } from "#contracts/gen/relation_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { readOwnData } from "#platform/export/read-own-data.ts";
import { rebuildJob, rebuildKind } from "#platform/jobs/rebuild.ts";
import { defineModule } from "#platform/module/module.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import { only } from "#platform/rpc/service.ts";
import { consumeErasures } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { actValidity } from "./act-validity.ts";
import { askBlocks } from "./blocks.ts";
import { commentStore } from "./comment-store.ts";
import { consumeVideoDeletions, projectRankings, rankedEvents } from "./consumers.ts";
import { codeStore, dailyStore, downloads, shares } from "./daily-store.ts";
import { commentHandlers } from "./handlers/comments.ts";
import { getOpinions, getUserStats, getVideoStats, listLiked } from "./handlers/counts.ts";
import { countDownload } from "./handlers/downloads.ts";
import { getInterests } from "./handlers/get-interests.ts";
import { commentLists } from "./handlers/list-comments.ts";
import { listRanking } from "./handlers/list-ranking.ts";
import { markHandlers } from "./handlers/marks.ts";
import { moderationHandlers } from "./handlers/moderate.ts";
import { reactHandlers } from "./handlers/react.ts";
import { reportHandlers } from "./handlers/reports.ts";
import { shareHandlers } from "./handlers/shares.ts";
import { interestStore } from "./interest-store.ts";
import { leftovers } from "./leftovers.ts";
import { bookmarks, markStore, reposts } from "./mark-store.ts";
import { migrations } from "./migrations.ts";
import { moderationStore } from "./moderation-store.ts";
import { ownData } from "./own-data-store.ts";
import { createPublishedVideos, type PublishedVideo } from "./published-videos.ts";
import { rankingStore } from "./ranking-store.ts";
import { reactionStore } from "./reaction-store.ts";
import { counts } from "./recount.ts";
import { removalStore } from "./removal-store.ts";
import { reportStore } from "./report-store.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

/** So that a read has few to leave out. */
const expireEveryMs = 60_000;
const leftoversEveryMs = 60_000;

/** Reactions to videos, comments on them, the counts of both, and reports of comments. */
export const interactionModule = defineModule<object, Tables>()({
  name: "interaction",
  service: InteractionService,
  calls: { video: only(VideoService, "getVideos"), relation: only(RelationService, "getStandings") },
  // Reactions to one video and its comments are merged where they meet.
  affinity: {
    react: ({ videoId }) => videoId,
    withdraw: ({ videoId }) => videoId,
    setBookmark: ({ videoId }) => videoId,
    setRepost: ({ videoId }) => videoId,
    shareVideo: ({ videoId }) => videoId,
    countDownload: ({ videoId }) => videoId,
    addComment: ({ videoId }) => videoId,
    listComments: ({ videoId }) => videoId,
  },
  migrations,
  recount: counts,
  ownData,
  readModels: { rankings: { group: "interaction.rankings" } },
  async start({ db, clients, ids, events, jobs, caches, security, log }) {
    const reactions = perCall(db, (until) => reactionStore(until, events));
    const comments = perCall(db, (until) => commentStore(until, events));
    const marks = {
      bookmarks: perCall(db, (until) => markStore(until, events, bookmarks)),
      reposts: perCall(db, (until) => markStore(until, events, reposts)),
    };
    const daily = {
      shares: perCall(db, (until) => dailyStore(until, events, shares)),
      downloads: perCall(db, (until) => dailyStore(until, events, downloads)),
    };
    const codes = perCall(db, codeStore);
    const rankings = perCall(db, (until) => rankingStore(until, Date.now));
    const reports = perCall(db, reportStore);
    const addRows = perCall(db, (until) => (rows: PublishedVideo[]) => addVideos(until, rows));
    const validity = actValidity(events, caches);
    const videos = createPublishedVideos(clients.video, addRows, validity, caches);
    const blocks = askBlocks(clients.relation, validity, caches);
    const accounts = perCall(db, accountErasureStore);
    const erasures = consumeErasures(events, { accounts, reactions, comments, ...marks, ...daily, reports });
    const removal = perCall(db, (until) => removalStore(until, events));
    const deletions = consumeVideoDeletions(events, removal, rankings, videos);
    const projection = events.consume<(typeof rankedEvents)[number]>({
      group: "interaction.rankings",
      types: rankedEvents,
      handle: projectRankings(rankings.lasting),
    });
    const workers = jobs.work({
      kinds: { [rebuildKind]: rebuildJob(db, rankings.lasting.rebuild) },
      concurrency: 1,
    });
    const stopExpiry = repeatEvery(expireEveryMs, rankings.lasting.expire, (error) =>
      log.warn({ err: error }, "could not expire the rankings"),
    );
    const stopLeftovers = repeatEvery(
      leftoversEveryMs,
      leftovers(db, {
        removal: removal.lasting,
        rankings: rankings.lasting,
        reposts: marks.reposts.lasting,
        downloads: daily.downloads.lasting,
      }),
      (error) => log.warn({ err: error }, "could not remove what is left of the deleted"),
    );
    return {
      handlers: {
        readOwnData: readOwnData(
          ownData,
          perCall(db, (until) => until),
        ),
        ...reactHandlers(reactions, videos, blocks, ids),
        ...markHandlers(marks, videos, blocks, ids),
        ...shareHandlers(daily.shares, codes, videos),
        countDownload: countDownload(daily.downloads, videos),
        listRanking: listRanking(rankings.reading),
        getVideoStats: getVideoStats(reactions.reading),
        getOpinions: getOpinions(reactions.reading),
        getUserStats: getUserStats(reactions.reading),
        getInterests: getInterests(perCall(db, interestStore).reading),
        listLiked: listLiked(reactions.reading),
        ...commentHandlers(comments, videos, blocks, ids, security),
        ...commentLists(comments.reading, clients.video),
        ...reportHandlers(reports, videos, ids, security),
        ...moderationHandlers(
          perCall(db, (until) => moderationStore(until, events)),
          comments,
          clients.video,
        ),
      },
      async stop() {
        await workers.stop();
        await stopExpiry();
        await stopLeftovers();
        await projection.stop();
        await deletions.stop();
        await erasures.stop();
      },
    };
  },
});
