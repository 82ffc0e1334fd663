import { type Comment, Reaction, type VideoStats } from "#contracts/gen/interaction_pb.ts";
import { type Group, GroupRole, type Message } from "#contracts/gen/message_pb.ts";
import {
  LadderState,
  Reach,
  type StepState,
  type Upload,
  type Video,
  VideoState,
  Visibility,
} from "#contracts/gen/video_pb.ts";
import { numberAt } from "#contracts/picture-number.ts";
import { reasons, refusal } from "#contracts/reasons.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Person } from "../composition/people.ts";
import type { VideoView } from "../composition/video-views.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import { toEntities } from "./entities.ts";
import { type PictureUrls, toMessageParts } from "./message-parts.ts";
import { toApiResume } from "./resume.ts";

const states = {
  [VideoState.UNSPECIFIED]: "uploaded",
  [VideoState.UPLOADED]: "uploaded",
  [VideoState.PROCESSING]: "processing",
  [VideoState.READY]: "ready",
  [VideoState.PUBLISHED]: "published",
  [VideoState.FAILED]: "failed",
} as const;

const visibilities = {
  [Visibility.UNSPECIFIED]: "public",
  [Visibility.PUBLIC]: "public",
  [Visibility.UNLISTED]: "unlisted",
  [Visibility.FRIENDS]: "friends",
  [Visibility.PRIVATE]: "private",
} as const;

/** By their names in the API. */
export const visibilityOf = {
  public: Visibility.PUBLIC,
  unlisted: Visibility.UNLISTED,
  friends: Visibility.FRIENDS,
  private: Visibility.PRIVATE,
} as const;

const reactions = {
  [Reaction.UNSPECIFIED]: null,
  [Reaction.LIKE]: "like",
  [Reaction.DISLIKE]: "dislike",
} as const;

export function toApiMessage(message: Message, urls: PictureUrls) {
  const { id, senderId, receiverId, content, sentAtMs } = message;
  return { id, senderId, receiverId, content, sentAt: toTime(sentAtMs), ...toMessageParts(message, urls) };
}

export const roleNames = {
  [GroupRole.UNSPECIFIED]: "member",
  [GroupRole.MEMBER]: "member",
  [GroupRole.ADMIN]: "admin",
  [GroupRole.OWNER]: "owner",
} as const;

/** `people`: those who are found; of a group's faces the others are left out. */
export function toApiGroup(group: Group, people: ReadonlyMap<string, ApiUser>) {
  const { id, name, announcement, showsLatest, members, faceIds, role, muted, silentUntilMs, takenDown } =
    group;
  return {
    ...{ id, name, announcement, showsLatest, members, muted },
    faces: faceIds.flatMap((faceId) => people.get(faceId) ?? []),
    role: roleNames[role],
    silentUntil: silentUntilMs > Date.now() ? toTime(silentUntilMs) : null,
    takenDown,
  };
}
export type ApiUser = ReturnType<typeof toApiUser>;

export function toApiUser({ user, works, likes, relation }: Person, urls: MediaUrls) {
  return {
    id: user.id,
    username: user.username,
    name: user.name,
    signature: user.signature,
    avatarUrl: urls.avatar(user),
    backgroundUrl: urls.background(user),
    createdAt: toTime(user.createdAtMs),
    role: user.moderator ? ("moderator" as const) : ("member" as const),
    followed: relation?.followed ?? false,
    followsYou: relation?.followsCaller ?? false,
    blocked: relation?.blocked ?? false,
    counts: {
      videos: works,
      following: relation?.following ?? 0,
      followers: relation?.followers ?? 0,
      likesReceived: likes?.likesReceived ?? 0,
      likesGiven: likes?.likesGiven ?? 0,
    },
  };
}

export function toApiVideo(
  { video, author, stats, views, resume, reaction, kept, reposted, mentions }: VideoView,
  urls: MediaUrls,
) {
  return {
    id: video.id,
    title: video.title,
    titleEntities: toEntities(video.title, mentions),
    description: video.description,
    descriptionEntities: toEntities(video.description, mentions),
    author: toApiUser(author, urls),
    ...toApiWork(video),
    playUrl: video.playKey ? urls.ofVideo(video, video.playKey) : null,
    coverUrl: video.coverKey ? urls.ofVideo(video, video.coverKey) : null,
    hlsUrl: urls.hls(video),
    kind: kindOf(video),
    pictures: video.pictures.map(({ number, alt, width, height, thumbHash, sizes }, place) => ({
      number: numberAt({ number }, place),
      ...{ alt, width, height, thumbHash: thumbHash || null },
      sizes: sizes.map(({ key, width, height }) => ({ url: urls.ofVideo(video, key), width, height })),
    })),
    storyboardUrl: urls.storyboard(video),
    renditions: video.renditions.map(({ shortSide, width, height, bitrate }) => ({
      shortSide,
      width,
      height,
      bitrate,
    })),
    thumbHash: video.thumbHash || null,
    coverTimesMs: video.coverTimesMs,
    durationMs: video.durationMs,
    width: video.width,
    height: video.height,
    sizeBytes: video.sizeBytes,
    createdAt: toTime(video.createdAtMs),
    publishedAt: video.publishedAtMs ? toTime(video.publishedAtMs) : null,
    draft: video.draft,
    publishAt: video.publishAtMs ? toTime(video.publishAtMs) : null,
    editedAt: video.editedAtMs ? toTime(video.editedAtMs) : null,
    visibility: visibilities[video.wishedVisibility || video.visibility],
    ...toModeration(video),
    commentsAllowed: stats?.commentsClosed !== true,
    downloadAllowed: video.downloadAllowed,
    downloadUrl: video.playKey && video.downloadAllowed ? urls.download(video) : null,
    held: video.held,
    notices: toNotices(video.notices),
    counts: { ...toApiCounts(stats), views },
    resume: toApiResume(resume),
    bookmarked: kept,
    reposted,
    reaction: reactions[reaction],
  };
}

export function toApiCounts(stats: VideoStats | undefined) {
  return {
    likes: stats?.likes ?? 0,
    comments: stats?.comments ?? 0,
    bookmarks: stats?.bookmarks ?? 0,
    reposts: stats?.reposts ?? 0,
    shares: stats?.shares ?? 0,
    downloads: stats?.downloads ?? 0,
  };
}

/** How far the work on a video is. */
/** For whom the service tells it. */
function toModeration({ reach }: Pick<Video, "reach">) {
  if (reach === Reach.RESTRICTED) return { moderation: "restricted" as const };
  return reach === Reach.DOWN ? { moderation: "taken-down" as const } : {};
}

export function toApiWork(video: Video) {
  return {
    state: states[video.state],
    progress: video.progress,
    failure: video.failureReason ? { reason: video.failureReason, message: video.failureMessage } : null,
    steps: toSteps(video),
  };
}

/** What has pictures has no film. */
function kindOf({ pictures }: Pick<Video, "pictures">) {
  return pictures.length > 0 ? ("pictures" as const) : ("video" as const);
}

const ladders = {
  [LadderState.UNSPECIFIED]: undefined,
  [LadderState.WAITING]: "waiting",
  [LadderState.RUNNING]: "running",
  [LadderState.DONE]: "done",
  [LadderState.FAILED]: "failed",
} as const;

const processings = {
  [VideoState.UNSPECIFIED]: "waiting",
  [VideoState.UPLOADED]: "waiting",
  [VideoState.PROCESSING]: "running",
  [VideoState.READY]: "done",
  [VideoState.PUBLISHED]: "done",
  [VideoState.FAILED]: "failed",
} as const;

/** The work on a video: for its author with what is published first, and since when, how far and why. */
function toSteps(video: Video) {
  const { state, processing, improving, ladder, renditions, ladderRungs, pictures } = video;
  const rungs = ladders[ladder];
  const isMade = processings[state] === "done";
  const total = pictures.length || 1;
  const done = isMade ? total : Math.floor((processing?.progress ?? 0) * total);
  return [
    ...(processing
      ? [
          {
            name: "processing" as const,
            state: processings[state],
            done,
            total,
            ...told(processing, video.failureMessage),
          },
        ]
      : []),
    ...(rungs
      ? [
          {
            ...{ name: "renditions" as const, state: rungs },
            // Those of an earlier time can be played until these are there.
            done:
              rungs === "running" ? Math.round((improving?.progress ?? 0) * ladderRungs) : renditions.length,
            total: ladderRungs,
            ...told(improving),
          },
        ]
      : []),
  ];
}

function told(step: StepState | undefined, failureMessage = "") {
  const { sinceMs = 0, progress = 0, endsAtMs = 0, failureReason = "", nextTryAtMs = 0 } = step ?? {};
  return {
    since: sinceMs ? toTime(sinceMs) : null,
    progress: progress || null,
    endsAt: endsAtMs ? toTime(endsAtMs) : null,
    failure: failureReason
      ? { reason: failureReason, message: failureMessage || sayingOf(failureReason) }
      : null,
    nextTryAt: nextTryAtMs ? toTime(nextTryAtMs) : null,
  };
}

/** What a reason without holes says. */
const sayingOf = (reason: string) => (reasons as Record<string, { says: string }>)[reason]?.says ?? reason;

const notices: Record<string, string> = {
  VIDEO_CUT_OFF: "The end of this file is missing. It is published up to where it is whole.",
  SOUND_LEFT_OUT: "The sound of this file cannot be decoded. It is published without.",
};

function toNotices(reasons: string[]) {
  return reasons.map((reason) => ({ reason, message: notices[reason] ?? reason }));
}

export function toApiUpload({ id, sizeBytes, durationMs, width, height, notices, picture }: Upload) {
  const kind = picture ? ("picture" as const) : ("video" as const);
  return { id, kind, sizeBytes, durationMs, width, height, notices: toNotices(notices) };
}

/** Nothing if its author is deleted. */
export function toApiComment(comment: Comment, people: Map<string, Person>, urls: MediaUrls) {
  const author = people.get(comment.authorId);
  const replyTo = people.get(comment.replyToUserId);
  return (
    author && {
      id: comment.id,
      videoId: comment.videoId,
      author: toApiUser(author, urls),
      text: comment.text,
      takenDown: comment.takenDown,
      floor: comment.floor,
      sequence: comment.sequence,
      rootId: comment.rootId || null,
      replyTo: replyTo ? toApiUser(replyTo, urls) : null,
      // The same for everybody. To leave out what a block hides, each page would need all blocks of the caller and
      // the replies of each comment by author; and a count smaller than a guest's would reveal that somebody blocks
      // the caller.
      replies: comment.replies,
      createdAt: toTime(comment.createdAtMs),
    }
  );
}

export function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** The cursor of a list by author: when the last one of a full page was published (0: it is not), and its id. */
export function nextCursor(videos: Video[], more: boolean): string | null {
  const last = videos.at(-1);
  return more && last ? `${last.publishedAtMs}-${last.id}` : null;
}

/** Of an earlier release it is the id alone. Error: CURSOR_INVALID. */
export function fromCursor(cursor = "") {
  const [, publishedMs, id = ""] = /^(?:(\d{1,15})-)?(\d{1,19})$/.exec(cursor) ?? [];
  if (cursor && !isId(id)) throw refusal("CURSOR_INVALID");
  return { beforeId: id, ...(publishedMs && { beforePublishedMs: Number(publishedMs) }) };
}
