import { refusal } from "../errors/reasons.ts";
import type { OtherPicture } from "./magic.ts";
import type { MediaLimits } from "./media-limits.ts";

const OTHER_PICTURES = {
  gif: "A GIF",
  moving: "A moving picture",
  composed: "A picture that is put together from others",
};

/** Refusals of files, with what the sender can do about them. */
export const refusals = {
  emptyFile: () => refusal("EMPTY_FILE"),
  notAVideo: (what = "This is not a video that can be read") => refusal("NOT_A_VIDEO", { what }),
  notAPicture: () => refusal("NOT_A_PICTURE"),
  videoDamaged: () => refusal("VIDEO_DAMAGED"),
  pictureDamaged: () => refusal("PICTURE_DAMAGED"),
  codecUnsupported: (codec: string) => refusal("VIDEO_CODEC_UNSUPPORTED", { codec }),
  videoTooLong: (limits: MediaLimits) =>
    refusal("VIDEO_TOO_LONG", { seconds: Math.floor(limits.maxDurationMs / 1000) }),
  frameTooLarge: (limits: MediaLimits) =>
    refusal("FRAME_TOO_LARGE", {
      sidePx: limits.maxSidePx,
      megapixels: Math.floor(limits.maxFramePixels / 1e6),
    }),
  pictureTooLarge: (limits: MediaLimits) =>
    refusal("PICTURE_TOO_LARGE", { megapixels: Math.floor(limits.maxPicturePixels / 1e6) }),
  pictureUnsupported: (what: OtherPicture | "composed") =>
    refusal("PICTURE_UNSUPPORTED", { what: OTHER_PICTURES[what] }),
  pictureFileTooLarge: ({ maxPictureBytes }: MediaLimits) =>
    refusal("BODY_TOO_LARGE", { megabytes: Math.floor(maxPictureBytes / 1024 / 1024) }),
  pictureShape: ({ minPictureSidePx, maxPictureRatio }: MediaLimits) =>
    refusal("PICTURE_SHAPE", { leastPx: minPictureSidePx, ratio: maxPictureRatio }),
  videoTooHeavy: (
    { width, height, fps, durationMs }: { width: number; height: number; fps: number; durationMs: number },
    work: { minutes: number; maxMinutes: number; fittingSeconds: number },
  ) =>
    refusal("VIDEO_TOO_HEAVY", {
      width,
      height,
      fps: Math.round(fps),
      seconds: Math.round(durationMs / 1000),
      minutes: work.minutes,
      maxMinutes: work.maxMinutes,
      fittingSeconds: work.fittingSeconds,
    }),
  renditionTooLarge: () => refusal("RENDITION_TOO_LARGE"),
  tooHeavy: () => refusal("MEDIA_TOO_HEAVY"),
  timeout: (timeoutMs: number) => refusal("MEDIA_TIMEOUT", { seconds: Math.ceil(timeoutMs / 1000) }),
};
