import type { UpdateVideoRequest, VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type Audience, mayNotChange } from "../audience.ts";
import type { DrawCover } from "../draw-cover.ts";
import type { KeptPicture } from "../kept-pictures.ts";
import type { FindMentions } from "../mentions.ts";
import { toVideo } from "../present.ts";
import { checkAlt, checkDescription, checkPublishAt, checkTitle, maxPictures } from "../rules.ts";
import type { NewCover } from "../shown-changes.ts";
import type { VideoStore } from "../video-store.ts";
import { visibilityNamed } from "../visibility.ts";

type Service = Handlers<typeof VideoService>;
type Change = Pick<
  UpdateVideoRequest,
  | "id"
  | "title"
  | "description"
  | "visibility"
  | "downloadAllowed"
  | "draft"
  | "publishAtMs"
  | "coverAtMs"
  | "pictures"
>;

/** Changes of one's own video. */
export function updateVideo(
  store: PerCall<VideoStore>,
  jobs: Jobs,
  audience: Audience,
  findMentions: FindMentions,
  draw: DrawCover,
): Pick<Service, "updateVideo" | "updateVideoAndCover" | "changeTitle"> {
  async function update(
    { id, title, description, visibility, downloadAllowed, coverAtMs, pictures, ...when }: Change,
    call: ServedCall,
  ) {
    const caller = requireCaller(call) as UserId;
    const texts = {
      ...(title !== undefined && { title: checkTitle(title) }),
      ...(description !== undefined && { description: checkDescription(description) }),
    };
    const timed = whenPublished(when);
    const kept = pictures.length > 0 && checkKept(pictures);
    if (!isId(id)) throw refusal("VIDEO_NOT_FOUND");
    const [was] = await store(call).videosById([id]);
    if (was?.author_id !== caller) throw await mayNotChange(was, call, audience);
    // Whom a text mentions is looked up when it is written, not when it is sent again.
    const written = (Object.keys(texts) as (keyof typeof texts)[]).filter(
      (text) => texts[text] !== was[text],
    );
    const found = await findMentions(
      written.map((text) => texts[text]!),
      call,
    );
    const named = visibilityNamed(visibility);
    const change = {
      ...texts,
      ...(named && { visibility: named }),
      ...(downloadAllowed !== undefined && { download_allowed: downloadAllowed }),
      ...timed,
      ...(kept && { kept }),
      mentions: { ...was.mentions, ...found },
    };
    const save = (cover?: NewCover) => store(call).updateVideo(id as VideoId, caller, change, jobs, cover);
    if (was.held) throw await mayNotChange(was, call, audience);
    const changed = await (coverAtMs === undefined
      ? save()
      : draw(was, { case: "atMs", value: coverAtMs }, call, save));
    const [video] = await store(call).videosById([id]);
    if (!changed || !video) throw await mayNotChange(video, call, audience);
    return toVideo(video, call);
  }
  return {
    updateVideo: update,
    updateVideoAndCover: update,
    changeTitle: ({ id, title }, call) => update({ id, title, visibility: 0, pictures: [] }, call),
  };
}

/** Errors: PICTURES_TOO_MANY, ALT_INVALID. */
function checkKept(pictures: Change["pictures"]): KeptPicture[] {
  const each = new Set(pictures.map(({ number }) => number));
  if (pictures.length > maxPictures || each.size < pictures.length)
    throw refusal("PICTURES_TOO_MANY", { max: maxPictures });
  return pictures.map(({ number, alt }) => ({ number, ...(alt !== undefined && { alt: checkAlt(alt) }) }));
}

/** A time makes it a draft, and what is no draft waits for no time. */
function whenPublished({ draft, publishAtMs }: Pick<Change, "draft" | "publishAtMs">) {
  const at = publishAtMs === undefined ? undefined : checkPublishAt(publishAtMs);
  if (draft === false) {
    if (at) throw refusal("INVALID_ARGUMENT", "draft: what is published at a time is a draft until then.");
    return { draft, publish_at_ms: null };
  }
  return {
    ...((draft !== undefined || at) && { draft: true }),
    ...(at !== undefined && { publish_at_ms: at }),
  };
}
