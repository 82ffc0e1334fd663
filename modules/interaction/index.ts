import { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { RelationService } from "#contracts/gen/relation_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { defineModule } from "#platform/module/module.ts";
import { followErasures } from "./account-removal.ts";
import { accountStore } from "./account-store.ts";
import { commentStore } from "./comment-store.ts";
import { followDeletions } from "./consumers.ts";
import { commentHandlers } from "./handlers/comments.ts";
import { getOpinions, getUserStats, getVideoStats, listLiked } from "./handlers/counts.ts";
import { getInterests } from "./handlers/get-interests.ts";
import { commentLists } from "./handlers/list-comments.ts";
import { reactHandlers } from "./handlers/react.ts";
import { interestStore } from "./interest-store.ts";
import { createKnownVideos } from "./known-videos.ts";
import { migrations } from "./migrations.ts";
import { reactionStore } from "./reaction-store.ts";
import { counts } from "./recount.ts";
import { removalStore } from "./removal-store.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

/** Reactions to videos, comments on them, and the counts of both. */
export const interactionModule = defineModule<object, Tables>()({
  name: "interaction",
  service: InteractionService,
  calls: { video: VideoService, relation: RelationService },
  migrations,
  recount: counts,
  async start({ db, clients, ids, events }) {
    const reactions = reactionStore(db, events);
    const comments = commentStore(db, events);
    const videos = createKnownVideos(clients.video, (rows) => addVideos(db, rows));
    const erasures = followErasures(events, db, { accounts: accountStore(db), reactions, comments });
    const deletions = followDeletions(events, db, removalStore(db));
    return {
      handlers: {
        ...reactHandlers(reactions, videos, ids),
        getVideoStats: getVideoStats(reactions),
        getOpinions: getOpinions(reactions),
        getUserStats: getUserStats(reactions),
        getInterests: getInterests(interestStore(db)),
        listLiked: listLiked(reactions),
        ...commentHandlers(comments, videos, clients.relation, ids),
        ...commentLists(comments, clients.video),
      },
      async stop() {
        await deletions.stop();
        await erasures.stop();
      },
    };
  },
});
