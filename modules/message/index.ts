import { MessageService } from "#contracts/gen/message_pb.ts";
import { RelationService } from "#contracts/gen/relation_pb.ts";
import { UserService } from "#contracts/gen/user_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { timelineSignal, writeHeads } from "#contracts/timelines.ts";
import type { BlobKey } from "#platform/blob/blob-store.ts";
import { perCall } from "#platform/db/database.ts";
import { rebuildJob, rebuildKind } from "#platform/jobs/rebuild.ts";
import { defineModule } from "#platform/module/module.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import { only } from "#platform/rpc/service.ts";
import { consumeErasures } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { actStore } from "./act-store.ts";
import { drawPicture } from "./draw-picture.ts";
import { actHandlers } from "./handlers/acts.ts";
import { findMessageBlobs } from "./handlers/find-message-blobs.ts";
import { markRead } from "./handlers/mark-read.ts";
import { readHandlers } from "./handlers/read.ts";
import { readTimelines } from "./handlers/read-timelines.ts";
import { searchMessages } from "./handlers/search.ts";
import { sendHandlers } from "./handlers/send.ts";
import { migrations } from "./migrations.ts";
import { discard, pictureUses, removePicture, removePictureKind } from "./picture-store.ts";
import { counts } from "./recount.ts";
import { searchStore } from "./search-store.ts";
import { sendStore } from "./send-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";
import { type Head, timelineStore } from "./timeline-store.ts";

const expireEveryMs = 3_600_000;

/** Conversations between two people, and the timelines of what reaches each person. */
export const messageModule = defineModule<object, Tables>()({
  name: "message",
  service: MessageService,
  calls: {
    user: only(UserService, "getUsers"),
    relation: only(RelationService, "getRelations"),
    video: only(VideoService, "getVideos"),
  },
  // The two rows of a conversation are locked where its messages meet. Ids are not checked yet.
  affinity: {
    send: ({ receiverId }, { callerId }) => conversation(callerId, receiverId),
    markRead: ({ peerId }, { callerId }) => conversation(callerId, peerId),
    sendPicture: ({ receiverId }, { callerId }) => conversation(callerId, receiverId),
    listMessages: ({ peerId }, { callerId }) => conversation(callerId, peerId),
    setReaction: ({ peerId }, { callerId }) => conversation(callerId, peerId),
    recallMessage: ({ peerId }, { callerId }) => conversation(callerId, peerId),
    hideMessage: ({ peerId }, { callerId }) => conversation(callerId, peerId),
  },
  migrations,
  blobUses: pictureUses,
  usesMedia: true,
  // It waits for a picture.
  bulkheads: { sendPicture: null },
  recount: counts,
  readModels: { timelines: { group: "message.accounts" } },
  async start({ db, clients, ids, events, signals, jobs, blobs, media, log }) {
    const reached = (heads: Head[]) => {
      if (heads.length > 0) void signals.tell(timelineSignal, writeHeads(heads));
    };
    const store = perCall(db, messageStore);
    const isThere = async (key: BlobKey) => (await blobs.size(key)) !== undefined;
    const timelines = perCall(db, timelineStore);
    const workers = jobs.work({
      kinds: {
        [rebuildKind]: rebuildJob(db, timelines.lasting.rebuild),
        [removePictureKind]: removePicture(db, blobs),
      },
      concurrency: 1,
    });
    const stopExpiry = repeatEvery(expireEveryMs, timelines.lasting.expire, (error) =>
      log.warn({ err: error }, "could not remove old entries of timelines"),
    );
    const erasures = consumeErasures(
      events,
      perCall(db, (until) => accountErasureStore(until, jobs)),
    );
    return {
      handlers: {
        ...sendHandlers(
          perCall(db, (until) => sendStore(until, ids, events, reached, isThere)),
          store,
          clients,
          {
            draw: (staged, { signal }, person) => drawPicture(blobs, media, staged, { signal, person }),
            drop: ({ key, small_key }) => discard(db, blobs, [key, small_key]),
            dropStaged: (staged) => blobs.discard(staged),
          },
        ),
        searchMessages: searchMessages(perCall(db, searchStore).reading),
        findMessageBlobs: findMessageBlobs(store),
        markRead: markRead(store, reached),
        ...actHandlers(
          perCall(db, (until) => actStore(until, jobs)),
          clients.relation,
          reached,
        ),
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
