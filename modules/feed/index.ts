import { FeedService } from "#contracts/gen/feed_pb.ts";
import { InteractionService } from "#contracts/gen/interaction_pb.ts";
import { RelationService } from "#contracts/gen/relation_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { rebuildKind } from "#platform/jobs/rebuild.ts";
import { defineModule } from "#platform/module/module.ts";
import { only } from "#platform/rpc/service.ts";
import { consumeErasures } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { inboxEvents, projectInboxes } from "./consumers.ts";
import { deliverVideo } from "./deliver.ts";
import { followingFeed } from "./following-feed.ts";
import { getClassicFeed } from "./handlers/get-classic-feed.ts";
import { getFollowingFeed } from "./handlers/get-following-feed.ts";
import { getPublicFeed } from "./handlers/get-public-feed.ts";
import { closeIdleRegularly } from "./idle-inboxes.ts";
import { interestEvents, projectInterests } from "./interests.ts";
import { migrations } from "./migrations.ts";
import { rebuildInboxes } from "./rebuild.ts";
import { rebuildProgress, rebuildStore } from "./rebuild-store.ts";
import { seedAuthorVideos } from "./seed.ts";
import { feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

export interface FeedConfig {
  /** Authors with this many followers or more are pulled from and do not deliver. */
  pullFollowers: number;
  /** Readers who follow more people than this get deliveries from chosen authors only. */
  maxSources: number;
}

/** Which videos to show, in which order. */
export const feedModule = defineModule<FeedConfig, Tables>()({
  name: "feed",
  service: FeedService,
  calls: {
    video: only(VideoService, "findPublished", "listPublished"),
    relation: only(RelationService, "getRelations", "getStandings", "listFollowers", "listFollowing"),
    interaction: only(InteractionService, "getInterests"),
  },
  migrations,
  readModels: { inboxes: { group: "feed.inbox", progress: rebuildProgress } },
  seed: seedAuthorVideos,
  async start({ config, db, clients, jobs, events, protect, log }) {
    const stores = perCall(db, (until) => feedStore(until, events));
    const store = stores.lasting;
    const workers = jobs.work({
      kinds: {
        deliver: deliverVideo(store, clients.relation),
        [rebuildKind]: rebuildInboxes({
          ...clients,
          store: rebuildStore(db, events),
          wereLarge: store.wereLarge,
          ...config,
        }),
      },
      // Leaves two connections for deliveries during a rebuild.
      concurrency: 3,
    });
    const inboxes = projectInboxes(store, clients.relation, jobs, config.pullFollowers);
    const consumer = events.consume({ group: "feed.inbox", types: inboxEvents, ...inboxes });
    const erasures = consumeErasures(events, accountErasureStore(db));
    const interests = events.consume({
      group: "feed.interest",
      types: interestEvents,
      ...projectInterests(store, clients.relation),
      // The module that has the facts chooses for readers who are capped already.
      from: "end",
    });
    const stopClosing = closeIdleRegularly(store, log);
    const feed = followingFeed({ ...clients, store: stores, protect, maxSources: config.maxSources });
    return {
      handlers: {
        getPublicFeed: getPublicFeed(clients.video),
        getFollowingFeed: getFollowingFeed(feed),
        getClassicFeed: getClassicFeed(feed, clients.video),
      },
      async stop() {
        await Promise.all([stopClosing(), consumer.stop(), interests.stop(), erasures.stop()]);
        await workers.stop();
      },
    };
  },
});
