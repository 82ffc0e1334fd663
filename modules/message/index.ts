import { MessageService } from "#contracts/gen/message_pb.ts";
import { RelationService } from "#contracts/gen/relation_pb.ts";
import { UserService } from "#contracts/gen/user_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import { type TimelineHead, timelineSignal, writeHeads } from "#contracts/timelines.ts";
import { perCall, withSignal } from "#platform/db/database.ts";
import { readOwnData } from "#platform/export/read-own-data.ts";
import { rebuildJob, rebuildKind } from "#platform/jobs/rebuild.ts";
import { defineModule } from "#platform/module/module.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import { only } from "#platform/rpc/service.ts";
import { sealedBy } from "#platform/seal/key-seal.ts";
import { consumeErasures } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { actStore } from "./act-store.ts";
import { drawPicture } from "./draw-picture.ts";
import { groupEntranceStore } from "./group-entrance-store.ts";
import { groupLists } from "./group-lists.ts";
import { groupModerationStore } from "./group-moderation-store.ts";
import { groupSendStore } from "./group-send-store.ts";
import { groupStore, removeGroupKind } from "./group-store.ts";
import type { GroupWriter } from "./group-transaction.ts";
import { actHandlers } from "./handlers/acts.ts";
import { findMessageBlobs } from "./handlers/find-message-blobs.ts";
import { groupEntranceHandlers } from "./handlers/group-entrance.ts";
import { groupHandlers } from "./handlers/groups.ts";
import { markRead } from "./handlers/mark-read.ts";
import { moderationHandlers } from "./handlers/moderate.ts";
import { muteConversation } from "./handlers/mute-conversation.ts";
import { presenceHandlers } from "./handlers/presence.ts";
import { readHandlers } from "./handlers/read.ts";
import { readTimelines } from "./handlers/read-timelines.ts";
import { reportHandlers } from "./handlers/reports.ts";
import { searchMessages } from "./handlers/search.ts";
import { sendHandlers } from "./handlers/send.ts";
import { invitationLists } from "./invitations.ts";
import { startLateTeller } from "./late-teller.ts";
import { migrations } from "./migrations.ts";
import type { PushConfig } from "./notifications/push.ts";
import { startNotifications } from "./notifications/start.ts";
import { ownData } from "./own-data-store.ts";
import {
  countPicture,
  endHold,
  holdPicture,
  holdShown,
  pictureUses,
  removePicture,
  removePictureKind,
  removeUnsentKind,
} from "./picture-store.ts";
import { presenceStore } from "./presence-store.ts";
import { readerStore } from "./reader-store.ts";
import { counts } from "./recount.ts";
import { removeGroup } from "./remove-group.ts";
import { messageReportStore } from "./report-store.ts";
import { searchStore } from "./search-store.ts";
import { sendStore } from "./send-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";
import { beginEpoch, timelineStore } from "./timeline-store.ts";

const expireEveryMs = 3_600_000;

export interface MessageConfig extends PushConfig {
  /** The secret that the processes of the installation share; the keys for push services are sealed with it. */
  secret: string;
}

/** Conversations of two people and in groups, notifications, and the timelines of what reaches each person. */
export const messageModule = defineModule<MessageConfig, Tables>()({
  name: "message",
  service: MessageService,
  calls: {
    user: only(UserService, "getUsers", "findUsers", "checkSessions"),
    relation: only(RelationService, "getRelations", "getStandings"),
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
  wentBack: beginEpoch,
  usesMedia: true,
  // It waits for a picture.
  bulkheads: { sendPicture: null },
  recount: counts,
  ownData,
  readModels: { timelines: { group: "message.accounts" } },
  async start({ config, db, clients, ids, events, signals, jobs, blobs, media, security, log }) {
    const reached = (heads: TimelineHead[]) => {
      if (heads.length > 0) void signals.tell(timelineSignal, writeHeads(heads));
    };
    const readers = readerStore(db, events);
    const lateReaders = startLateTeller(readers.tellLate, reached, (error) =>
      log.warn({ err: error }, "could not tell of readers"),
    );
    const store = perCall(db, (until) => messageStore(until, events, lateReaders.tellAt));
    const timelines = perCall(db, timelineStore);
    const writerOf = (until: typeof db): GroupWriter => ({ db: until, ids, events, reached });
    const groups = perCall(db, (until) => groupStore(writerOf(until), jobs));
    const acts = perCall(db, (until) => actStore(until, events, jobs));
    const lists = perCall(db, groupLists);
    const invitations = perCall(db, invitationLists);
    const reports = perCall(db, (until) => messageReportStore(until, jobs));
    const notifications = startNotifications({
      ...{ db, events, jobs, clients, reached, log },
      seal: sealedBy(config.secret, "push"),
      push: config,
    });
    const workers = jobs.work({
      kinds: {
        [rebuildKind]: rebuildJob(db, timelines.lasting.rebuild),
        [removeGroupKind]: removeGroup(db, jobs),
        [removePictureKind]: removePicture(db, blobs),
        [removeUnsentKind]: removePicture(db, blobs),
        ...notifications.jobKinds,
      },
      concurrency: 4,
    });
    const expire = async (stopping: AbortSignal) => {
      await invitations.lasting.expire();
      await timelines.lasting.expire(stopping);
      await readers.expire();
      await reports.lasting.expire(stopping);
    };
    const stopExpiry = repeatEvery(expireEveryMs, expire, (error) =>
      log.warn({ err: error }, "could not remove old invitations, reports and entries of timelines"),
    );
    const erasures = consumeErasures(
      events,
      perCall(db, (until) => accountErasureStore(until, jobs)),
      groups,
      notifications.store,
    );
    return {
      handlers: {
        readOwnData: readOwnData(
          ownData,
          perCall(db, (until) => until),
        ),
        ...sendHandlers(
          {
            send: perCall(db, (until) => sendStore(until, ids, events, reached)),
            groupSend: perCall(db, (until) => groupSendStore(writerOf(until))),
            messages: store,
            groups: lists.reading,
          },
          clients,
          {
            count: (person, { signal }) => countPicture(withSignal(signal, db), person),
            draw: (staged, hold, { signal }, person) =>
              drawPicture(
                blobs,
                media,
                staged,
                (keys) => holdPicture(withSignal(signal, db), jobs, hold, keys),
                { signal, person },
              ),
            hold: ({ key, small_key }, hold, { signal }) =>
              holdShown(withSignal(signal, db), jobs, hold, [key, small_key]),
            endHold: ({ key, small_key }, hold) => endHold(db, blobs, hold, [key, small_key]),
            dropStaged: (staged) => blobs.discard(staged),
          },
        ),
        searchMessages: searchMessages(perCall(db, searchStore).reading),
        findMessageBlobs: findMessageBlobs(store, reports, clients.user),
        markRead: markRead(store, clients.relation, reached),
        ...actHandlers(acts, clients.relation, reached),
        ...moderationHandlers(
          acts,
          perCall(db, (until) => groupModerationStore(writerOf(until))),
          reached,
        ),
        ...reportHandlers(store, reports, { ids, security }),
        readTimelines: readTimelines(timelines),
        muteConversation: muteConversation(store, reached),
        ...readHandlers(store.reading, lists.reading, notifications.store.reading, clients.relation),
        ...groupHandlers(groups, lists.reading, clients.user, clients.relation),
        ...groupEntranceHandlers(
          perCall(db, (until) => groupEntranceStore(writerOf(until))),
          lists.reading,
          invitations.reading,
          clients.relation,
        ),
        ...notifications.handlers,
        ...presenceHandlers(
          perCall(db, (until) => presenceStore(until, events)),
          lists.reading,
          clients.relation,
          reached,
        ),
      },
      async stop() {
        await workers.stop();
        await stopExpiry();
        await lateReaders.stop();
        await notifications.stop();
        await erasures.stop();
      },
    };
  },
});

/** The same for both. */
function conversation(callerId = "", peerId: string): string {
  return [callerId, peerId].sort().join(" ");
}
