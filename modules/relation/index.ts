import { RelationService } from "#contracts/gen/relation_pb.ts";
import { UserService } from "#contracts/gen/user_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { readOwnData } from "#platform/export/read-own-data.ts";
import { rebuildJob, rebuildKind } from "#platform/jobs/rebuild.ts";
import { defineModule } from "#platform/module/module.ts";
import { only } from "#platform/rpc/service.ts";
import { consumeErasures } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { blockStore } from "./block-store.ts";
import { hotEvents, projectHotUsers } from "./consumers.ts";
import { followStore } from "./follow-store.ts";
import { blockHandlers } from "./handlers/block.ts";
import { followHandlers } from "./handlers/follow.ts";
import { listHotUsers } from "./handlers/list-hot-users.ts";
import { getRelations, getStandings, listBy } from "./handlers/read.ts";
import { expireRegularly } from "./hot-expiry.ts";
import { hotStore } from "./hot-store.ts";
import { migrations } from "./migrations.ts";
import { ownData } from "./own-data-store.ts";
import { counts } from "./recount.ts";
import { relationshipStore } from "./relationship-store.ts";
import { seedFollows } from "./seed.ts";
import type { Tables } from "./tables.ts";

/** Follows and blocks. */
export const relationModule = defineModule<object, Tables>()({
  name: "relation",
  service: RelationService,
  calls: { user: only(UserService, "getUsers") },
  migrations,
  recount: counts,
  readModels: { "hot-users": { group: "relation.hot" } },
  seed: seedFollows,
  ownData,
  async start({ db, clients, ids, jobs, events, log }) {
    const follows = perCall(db, (until) => followStore(until, events));
    const relationships = perCall(db, relationshipStore);
    const ranking = perCall(db, (until) => hotStore(until, Date.now));
    const hot = ranking.lasting;
    const projection = events.consume<(typeof hotEvents)[number]>({
      group: "relation.hot",
      types: hotEvents,
      handle: projectHotUsers(hot),
    });
    const erasing = perCall(db, (until) => accountErasureStore(until, events));
    const erasures = consumeErasures(events, erasing);
    const workers = jobs.work({
      kinds: { [rebuildKind]: rebuildJob(db, hot.rebuild) },
      concurrency: 1,
    });
    const stopExpiry = expireRegularly(hot, log);
    return {
      handlers: {
        readOwnData: readOwnData(
          ownData,
          perCall(db, (until) => until),
        ),
        ...followHandlers(follows, clients.user, ids),
        ...blockHandlers(
          perCall(db, (until) => blockStore(until, events)),
          clients.user,
          ids,
        ),
        getRelations: getRelations(relationships.reading),
        getStandings: getStandings(relationships.reading),
        listHotUsers: listHotUsers(ranking.reading),
        listFollowing: listBy(follows.reading, "following"),
        listFollowers: listBy(follows.reading, "followers"),
        listFriends: listBy(follows.reading, "friends"),
      },
      async stop() {
        await workers.stop();
        await stopExpiry();
        await projection.stop();
        await erasures.stop();
      },
    };
  },
});
