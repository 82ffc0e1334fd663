import { MessageService } from "#contracts/gen/message_pb.ts";
import { RelationService } from "#contracts/gen/relation_pb.ts";
import { UserService } from "#contracts/gen/user_pb.ts";
import { type TimelineHead, timelineSignal, writeHeads } from "#contracts/timelines.ts";
import { perCall } from "#platform/db/database.ts";
import { rebuildJob, rebuildKind } from "#platform/jobs/rebuild.ts";
import { defineModule } from "#platform/module/module.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import { only } from "#platform/rpc/service.ts";
import { consumeErasures } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { markRead } from "./handlers/mark-read.ts";
import { readHandlers } from "./handlers/read.ts";
import { readTimelines } from "./handlers/read-timelines.ts";
import { send } from "./handlers/send.ts";
import { migrations } from "./migrations.ts";
import { counts } from "./recount.ts";
import { sendStore } from "./send-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";
import { timelineStore } from "./timeline-store.ts";

const expireEveryMs = 3_600_000;

/** Conversations between two people, and the timelines of what reaches each person. */
export const messageModule = defineModule<object, Tables>()({
  name: "message",
  service: MessageService,
  calls: { user: only(UserService, "getUsers"), relation: only(RelationService, "getStandings") },
  // The two rows of a conversation are locked where its messages meet. Ids are not checked yet.
  affinity: {
    send: ({ receiverId }, { callerId }) => conversation(callerId, receiverId),
    markRead: ({ peerId }, { callerId }) => conversation(callerId, peerId),
    listMessages: ({ peerId }, { callerId }) => conversation(callerId, peerId),
  },
  migrations,
  recount: counts,
  readModels: { timelines: { group: "message.accounts" } },
  async start({ db, clients, ids, events, signals, jobs, log }) {
    const reached = (heads: TimelineHead[]) => {
      if (heads.length > 0) void signals.tell(timelineSignal, writeHeads(heads));
    };
    const store = perCall(db, messageStore);
    const timelines = perCall(db, timelineStore);
    const workers = jobs.work({
      kinds: { [rebuildKind]: rebuildJob(db, timelines.lasting.rebuild) },
      concurrency: 1,
    });
    const stopExpiry = repeatEvery(expireEveryMs, timelines.lasting.expire, (error) =>
      log.warn({ err: error }, "could not remove old entries of timelines"),
    );
    const erasures = consumeErasures(events, perCall(db, accountErasureStore));
    return {
      handlers: {
        send: send(
          perCall(db, (until) => sendStore(until, ids, events, reached)),
          clients.user,
          clients.relation,
        ),
        markRead: markRead(store, reached),
        readTimelines: readTimelines(timelines),
        ...readHandlers(store.reading),
      },
      async stop() {
        await workers.stop();
        await stopExpiry();
        await erasures.stop();
      },
    };
  },
});

/** The same for both. */
function conversation(callerId = "", peerId: string): string {
  return [callerId, peerId].sort().join(" ");
}
