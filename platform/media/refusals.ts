import { refusal } from "../errors/reasons.ts";
import type { MediaLimits } from "./media-limits.ts";

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
