import type { MessageInitShape } from "@bufbuild/protobuf";
import { LadderState, type VideoSchema, VideoState } from "#contracts/gen/video_pb.ts";
import { numberAt } from "#contracts/picture-number.ts";
import type { Call } from "#platform/rpc/call.ts";
import { endsAtMs, type Step } from "./steps.ts";
import type { ShownVideo } from "./video-lists.ts";
import { toReach, toVisibility } from "./visibility.ts";
import { wishedOf } from "./visibility-changes.ts";

const states = {
  uploaded: VideoState.UPLOADED,
  processing: VideoState.PROCESSING,
  ready: VideoState.READY,
  published: VideoState.PUBLISHED,
  failed: VideoState.FAILED,
} as const;

const ladders = {
  none: LadderState.UNSPECIFIED,
  waiting: LadderState.WAITING,
  running: LadderState.RUNNING,
  done: LadderState.DONE,
  failed: LadderState.FAILED,
} as const;

export function toVideo(
  video: ShownVideo,
  { callerId, moderator }: Call,
  forModerators = false,
): MessageInitShape<typeof VideoSchema> {
  const isTold = video.author_id === callerId || (forModerators && moderator === true);
  return {
    id: video.id,
    authorId: video.author_id,
    title: video.title,
    state: states[video.state],
    progress: video.progress,
    failureReason: video.failure_reason,
    failureMessage: video.failure_message,
    playKey: video.play_key,
    coverKey: video.cover_key,
    durationMs: video.duration_ms,
    width: video.width,
    height: video.height,
    sizeBytes: Number(video.size_bytes),
    createdAtMs: video.created_at.getTime(),
    publishedAtMs: Number(video.published_ms ?? 0),
    notices: video.author_id === callerId ? video.notices : [],
    description: video.description,
    mentions: Object.entries(video.mentions).map(([nameKey, userId]) => ({ nameKey, userId })),
    editedAtMs: video.edited_at?.getTime() ?? 0,
    visibility: toVisibility(video.visibility),
    downloadAllowed: video.download_allowed,
    thumbHash: video.thumb_hash,
    coverTimesMs: video.author_id === callerId ? video.cover_times_ms : [],
    hasStoryboard: video.storyboard !== null,
    draft: video.draft,
    publishAtMs: Number(video.publish_at_ms ?? 0),
    ladder: ladders[video.ladder],
    ladderRungs: video.ladder_rungs,
    renditions: video.renditions,
    pictures: video.pictures.map(({ alt, width, height, thumbHash, sizes, ...picture }, place) => ({
      ...{ alt, width, height, thumbHash, sizes },
      number: numberAt(picture, place),
    })),
    ...(video.author_id === callerId && toSteps(video)),
    ...(isTold && { reach: toReach(video.reach), wishedVisibility: toVisibility(wishedOf(video)) }),
    held: video.held && (moderator === true || video.author_id === callerId),
  };
}

function toSteps({ steps: { processing, improving }, state, ladder, progress }: ShownVideo) {
  const made = state === "processing" ? progress : 0;
  return {
    processing: processing && toStep(processing, made, endsAtMs(processing, made)),
    // Rungs come one after the other at the end, which tells nothing of how long they take.
    improving: improving && toStep(improving, ladder === "running" ? (improving.progress ?? 0) : 0, 0),
  };
}

function toStep({ sinceMs, reason = "", nextTryAtMs = 0 }: Step, progress: number, endsAtMs: number) {
  return { sinceMs, progress, endsAtMs, failureReason: reason, nextTryAtMs };
}
