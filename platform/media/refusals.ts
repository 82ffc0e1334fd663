import { DomainError } from "#platform/errors/domain-error.ts";
import type { MediaLimits } from "./media-limits.ts";

/** What the person who sent the file can do about it. */
export const refusals = {
  emptyFile: () =>
    new DomainError("invalid", "EMPTY_FILE", "The file is empty. Choose it again and send it once more."),
  notAVideo: (what = "This is not a video that can be read") =>
    new DomainError("invalid", "NOT_A_VIDEO", `${what}. Send an MP4, MOV, WebM, MKV, AVI or FLV file.`),
  notAPicture: () =>
    new DomainError("invalid", "NOT_A_PICTURE", "This is not a picture. Send a JPEG, PNG, WebP or GIF file."),
  videoDamaged: () =>
    new DomainError(
      "invalid",
      "VIDEO_DAMAGED",
      "The video is damaged or was cut off on its way. Check that it plays on your device and send it again.",
    ),
  pictureDamaged: () =>
    new DomainError(
      "invalid",
      "PICTURE_DAMAGED",
      "The picture is damaged or of an unusual kind. Save it as JPEG or PNG and send it again.",
    ),
  codecUnsupported: (codec: string) =>
    new DomainError(
      "invalid",
      "VIDEO_CODEC_UNSUPPORTED",
      `Videos coded as ${codec} cannot be read. Export it as H.264 in an MP4 file.`,
    ),
  videoTooLong: (limits: MediaLimits) =>
    new DomainError(
      "too-large",
      "VIDEO_TOO_LONG",
      `The video is longer than ${Math.floor(limits.maxDurationMs / 1000)} seconds. Cut it and send it again.`,
    ),
  frameTooLarge: (limits: MediaLimits) =>
    new DomainError(
      "too-large",
      "FRAME_TOO_LARGE",
      `The video's frames are too large: at most ${limits.maxSidePx} pixels a side and ` +
        `${Math.floor(limits.maxFramePixels / 1e6)} million in all. Export it at a smaller size.`,
    ),
  pictureTooLarge: (limits: MediaLimits) =>
    new DomainError(
      "too-large",
      "PICTURE_TOO_LARGE",
      `The picture has more than ${Math.floor(limits.maxPicturePixels / 1e6)} million pixels. ` +
        "Make it smaller and send it again.",
    ),
  videoTooHeavy: (
    { width, height, fps, durationMs }: { width: number; height: number; fps: number; durationMs: number },
    work: { minutes: number; maxMinutes: number; fittingSeconds: number },
  ) =>
    new DomainError(
      "too-large",
      "VIDEO_TOO_HEAVY",
      `The video is too much work for this server: ${width}×${height} at ${Math.round(fps)} frames a second for ` +
        `${Math.round(durationMs / 1000)} seconds would take it about ${work.minutes} minutes, and ` +
        `${work.maxMinutes} are allowed. Export it at 1920×1080, or cut it to ${work.fittingSeconds} seconds.`,
    ),
  renditionTooLarge: () =>
    new DomainError(
      "too-large",
      "RENDITION_TOO_LARGE",
      "The converted video would be too large. Cut it or export it at a smaller size.",
    ),
  tooHeavy: () =>
    new DomainError(
      "too-large",
      "MEDIA_TOO_HEAVY",
      "Reading this file takes more memory or work than is allowed. Export it at a smaller size.",
    ),
  timeout: (timeoutMs: number) =>
    new DomainError(
      "deadline",
      "MEDIA_TIMEOUT",
      `Reading this file took longer than ${Math.ceil(timeoutMs / 1000)} seconds. Try again, or export it at a smaller size.`,
    ),
};
