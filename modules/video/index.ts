import { RelationService } from "#contracts/gen/relation_pb.ts";
import { UserService } from "#contracts/gen/user_pb.ts";
import { VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import { perCall } from "#platform/db/database.ts";
import { readOwnData } from "#platform/export/read-own-data.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { defineModule } from "#platform/module/module.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import { only } from "#platform/rpc/service.ts";
import { consumeDeletionRequests } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { askAudience } from "./audience.ts";
import { mediaCommand } from "./backfill.ts";
import type { MakingKind } from "./bench.ts";
import { blobUseStore, blobUses, releaseUnshownKind } from "./blob-use-store.ts";
import { drawCover } from "./draw-cover.ts";
import { addUpload } from "./handlers/add-upload.ts";
import { deleteVideo } from "./handlers/delete-video.ts";
import { directUploads } from "./handlers/direct-upload.ts";
import { holdVideo } from "./handlers/hold-video.ts";
import { knownFiles } from "./handlers/known-file.ts";
import { mediaJobs } from "./handlers/media-jobs.ts";
import { moderateVideos } from "./handlers/moderate-videos.ts";
import { publish } from "./handlers/publish.ts";
import { publishPictures } from "./handlers/publish-pictures.ts";
import {
  findOpenBlobs,
  findPublished,
  findShownBlobs,
  getAuthorStats,
  getRenditions,
  getVideos,
  listByAuthor,
  listPublished,
} from "./handlers/read.ts";
import { resumableUploads } from "./handlers/resumable-upload.ts";
import { setCover } from "./handlers/set-cover.ts";
import { updateVideo } from "./handlers/update-video.ts";
import { knownFileStore } from "./known-file-store.ts";
import { ladderStore, releaseReplacedKind } from "./ladder-store.ts";
import { makingKinds } from "./making.ts";
import { findMentions } from "./mentions.ts";
import { migrations } from "./migrations.ts";
import { createOrders } from "./orders.ts";
import { ownData } from "./own-data-store.ts";
import { processPictures } from "./picture-pipeline.ts";
import { picturePostStore } from "./picture-post-store.ts";
import { releaseReplaced, releaseUnshown, removeBlob } from "./pipeline.ts";
import { pipelineStore } from "./pipeline-store.ts";
import { publishAtKind, publishAtTime } from "./publication.ts";
import { counts } from "./recount.ts";
import { resumableStore } from "./resumable-store.ts";
import {
  challengeLifetimeMs,
  directLifetimeMs,
  type KeepSources,
  longestResumableMs,
  resumableLifetimeMs,
  stagedLifetimeMs,
  uploadLifetimeMs,
} from "./rules.ts";
import { seedVideos } from "./seed.ts";
import { standingStore } from "./standing-store.ts";
import type { Tables } from "./tables.ts";
import { uploadStore } from "./upload-store.ts";
import { videoStore } from "./video-store.ts";

export { mediaWorker } from "./media-worker.ts";

export interface VideoConfig {
  /** How many heavy videos one process converts at once; one more light video runs with them. 0: other processes do it all. */
  workers: number;
  /** The short sides of the rungs that are made of a published video; none: it has its MP4 only. */
  rungShortSidesPx: readonly number[];
  /** How loud rungs are; null: as their source. */
  loudnessLufs: number | null;
  /** Whether the files that were sent stay once videos are made of them. */
  keepSources: KeepSources;
  /** The longest estimated conversion that is accepted. */
  maxProcessingMs: number;
  /** How much an author may have uploaded and not published. */
  maxUnpublishedBytes: number;
  /** What a person may keep; 0: no limit. */
  quotaBytes: number;
}

const sweepEveryMs = 10 * 60_000;
const discardedAtOnce = 8;

/** Uploads, the media pipeline and published videos. */
export const videoModule = defineModule<VideoConfig, Tables>()({
  name: "video",
  service: VideoService,
  calls: { relation: only(RelationService, "getStandings"), user: only(UserService, "findUsers") },
  migrations,
  usesMedia: true,
  bulkheads: {
    // They wait until a file was looked at.
    addUpload: null,
    completeDirectUpload: null,
    finishResumableUpload: null,
    proveKnownFile: null,
    setCover: null,
    updateVideoAndCover: null,
    leaseMediaJob: "media workers",
    keepMediaJobs: "media workers",
    readMediaInput: "media workers",
    writeMediaFile: "media workers",
    placeMediaFile: "media workers",
    finishMediaJob: "media workers",
    returnMediaJob: "media workers",
  },
  commands: { media: mediaCommand },
  blobUses,
  recount: counts,
  ownData,
  seed: seedVideos,
  async start({ config, db, clients, ids, jobs, events, blobs, media, protect, security, log }) {
    const uploads = perCall(db, uploadStore);
    const resumables = perCall(db, resumableStore);
    const known = perCall(db, knownFileStore);
    const uploadParts = { store: uploads, blobs, media, jobs, ...config };
    const audience = askAudience(clients.relation);
    const mentions = findMentions(clients.user, clients.relation);
    const pipeline = pipelineStore(db, events);
    const videos = perCall(db, (until) => videoStore(until, events));
    const ladders = ladderStore(db, events, config.keepSources);
    const orders = createOrders(pipeline, ladders, blobs, jobs, config);
    const draw = drawCover(perCall(db, blobUseStore), blobs, media, jobs);
    const openHere = async (job: Job, kind: MakingKind) => {
      const order = await orders.open({ kind, key: job.key, attempts: job.attempt });
      return order && orders.bench(order, job);
    };
    const workers = jobs.work({
      kinds: {
        ...(config.workers > 0 && makingKinds(openHere, orders.attempts, media, log)),
        pictures: processPictures(pipeline, blobs, media, jobs),
        "remove-blob": removeBlob(pipeline, blobs),
        [releaseReplacedKind]: releaseReplaced(ladders, jobs),
        [releaseUnshownKind]: releaseUnshown(pipeline, jobs),
        [publishAtKind]: publishAtTime(db, events),
      },
      concurrency: config.workers + 1,
      heavyAtOnce: Math.max(1, config.workers),
    });
    const deletionRequests = consumeDeletionRequests(
      events,
      { videos, accounts: perCall(db, accountErasureStore), resumables },
      jobs,
      blobs,
    );
    const stopping = new AbortController();
    const direct = directUploads(resumables, uploadParts, ids, protect, stopping.signal);
    /** The steps are apart: while the blobs are away, the rows go nevertheless. */
    const sweep = async () => {
      const warn = (error: unknown) => {
        if (!stopping.signal.aborted) log.warn({ err: error }, "could not sweep old uploads");
      };
      await known.lasting.drop(challengeLifetimeMs).catch(warn);
      await uploads.lasting.dropUploads(uploadLifetimeMs, jobs).catch(warn);
      const old = {
        untouchedMs: resumableLifetimeMs,
        olderThanMs: longestResumableMs,
        directMs: directLifetimeMs,
      };
      const dropped = await resumables.lasting.drop(old).catch(warn);
      for (let i = 0; dropped && i < dropped.length && !stopping.signal.aborted; i += discardedAtOnce) {
        const some = dropped.slice(i, i + discardedAtOnce);
        await Promise.all(some.map((partial) => blobs.discard(partial))).catch(warn);
      }
      // What has no row any more goes a little later.
      if (!stopping.signal.aborted)
        await blobs.sweepStaged(stagedLifetimeMs, resumableLifetimeMs + stagedLifetimeMs).catch(warn);
    };
    /** One at a time: blobs that are away make it long. Nobody waits for it, not even a start. */
    let isSweeping = false;
    const beginSweep = () => {
      if (isSweeping) return;
      isSweeping = true;
      void sweep().finally(() => {
        isSweeping = false;
      });
    };
    beginSweep();
    const sweeper = setInterval(beginSweep, sweepEveryMs);
    return {
      handlers: {
        readOwnData: readOwnData(
          ownData,
          perCall(db, (until) => until),
        ),
        addUpload: addUpload(uploadParts, ids),
        ...resumableUploads(resumables, uploadParts, ids, stopping.signal),
        beginDirectUpload: direct.beginDirectUpload,
        getDirectUpload: direct.getDirectUpload,
        completeDirectUpload: direct.completeDirectUpload,
        ...mediaJobs({ orders, jobs, blobs, uses: pipeline, stopping: stopping.signal }),
        ...knownFiles(known, uploadParts, ids),
        getStorage: async (_request, call) => ({
          usedBytes: await uploads(call).storageOf(requireCaller(call) as UserId),
          quotaBytes: config.quotaBytes,
        }),
        publish: publish(uploads, jobs, ids, mentions),
        publishPictures: publishPictures(perCall(db, picturePostStore), jobs, ids, mentions),
        getVideos: getVideos(videos.reading, audience),
        listByAuthor: listByAuthor(videos.reading, audience),
        listPublished: listPublished(videos.reading),
        findPublished: findPublished(videos.reading),
        findOpenBlobs: findOpenBlobs(videos.reading),
        findShownBlobs: findShownBlobs(videos.reading, audience),
        ...updateVideo(videos, jobs, audience, mentions, draw),
        setCover: setCover(videos, blobs, draw, jobs, audience),
        deleteVideo: deleteVideo(videos, jobs, audience),
        getRenditions: getRenditions(videos.reading, audience),
        holdVideo: holdVideo(videos, security),
        moderateVideos: moderateVideos(perCall(db, (until) => standingStore(until, events))),
        getAuthorStats: getAuthorStats(videos.reading),
      },
      async stop() {
        clearInterval(sweeper);
        stopping.abort();
        await direct.settled();
        await deletionRequests.stop();
        await workers.stop();
      },
    };
  },
});
