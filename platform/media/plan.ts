import type { PictureFormat } from "./magic.ts";
import type { ConvertJob, Upright } from "./media-engine.ts";
import type { MediaInfo } from "./media-tool.ts";
import type { PictureHeader } from "./picture-header.ts";
import { canCopyAudio, canCopyVideo, targetSize } from "./rules.ts";

/** How renditions, covers and pictures are made, in libavfilter's and the encoders' words. */

const KEY_FRAME_SECONDS = 2;
const AUDIO_RATE = 48_000;
const COVER_SHORT_SIDE_PX = 720;

/** JPEG's own matrix and range, whatever came in. */
const TO_JPEG = "out_range=pc:out_color_matrix=bt601,setsar=1,format=yuvj420p";

/** The streams of a rendition; a stream that complies already is copied. */
export function planStreams(info: MediaInfo, maxShortSidePx: number): Pick<ConvertJob, "video" | "audio"> {
  const copyVideo = canCopyVideo(info, maxShortSidePx);
  return {
    video: { stream: info.videoStream, encode: copyVideo ? null : planVideo(info, maxShortSidePx) },
    audio:
      info.audioStream === null
        ? null
        : { stream: info.audioStream, encode: canCopyAudio(info) ? null : planAudio() },
  };
}

function planVideo(info: MediaInfo, maxShortSidePx: number): ConvertJob["video"]["encode"] {
  const { width, height } = targetSize(info, maxShortSidePx);
  const { num, den } = info.outputFps;
  const keyFrames = String(Math.max(1, Math.round((KEY_FRAME_SECONDS * num) / den)));
  const filters = [
    // Broadcast recordings are interlaced; progressive frames pass unchanged.
    ...(info.container === "mpegts" || info.container === "mpegps"
      ? ["bwdif=send_frame:deint=interlaced"]
      : []),
    `fps=${num}/${den}:start_time=0`,
    `scale=${width}:${height}:out_range=tv${info.rgb ? ":out_color_matrix=bt709" : ""}`,
    ...(info.hdr ? [TONE_MAP] : []),
    ...(info.rgb ? ["setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709"] : []),
    "setsar=1,format=yuv420p",
  ];
  return {
    upright: { rotation: info.rotation, mirrored: info.mirrored },
    filter: filters.join(","),
    width,
    height,
    frameRate: info.outputFps,
    isBt709: info.rgb || info.hdr,
    options: {
      // "veryfast" is where two laptop cores stay ahead of a phone's 1080p; slower ones gain little at 720p.
      preset: "veryfast",
      crf: "23",
      maxrate: "4000000",
      bufsize: "8000000",
      profile: "high",
      // Key frames at exact multiples, so that every rendition can be cut at the same places.
      g: keyFrames,
      keyint_min: keyFrames,
      sc_threshold: "0",
    },
  };
}

/** From HDR to what every screen shows (Hable's curve); 10-bit in, 8-bit BT.709 out. */
const TONE_MAP =
  "zscale=transfer=linear:npl=100,format=gbrpf32le,zscale=primaries=bt709,tonemap=hable:desat=0," +
  "zscale=transfer=bt709:matrix=bt709:range=tv,format=yuv420p";

function planAudio() {
  return {
    filter: `aresample=${AUDIO_RATE}:async=1:first_pts=0,aformat=sample_fmts=fltp:channel_layouts=stereo`,
    sampleRate: AUDIO_RATE,
    options: { b: "128000" },
  };
}

export function coverFilter(info: MediaInfo): string {
  const { width, height } = targetSize(info, COVER_SHORT_SIDE_PX);
  return [
    ...uprightFilters(info),
    ...(info.hdr ? [TONE_MAP] : []),
    `scale=${width}:${height}:${TO_JPEG}`,
  ].join(",");
}

/** What brings a picture upright. */
export function uprightFilters(upright: Upright): string[] {
  const turns = { 0: [], 90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"] };
  return [...(upright.mirrored ? ["hflip"] : []), ...turns[upright.rotation]];
}

/** Filter graph from `in` to `out` for an avatar or a background. Nothing is ever enlarged. */
export function pictureFilter(
  format: PictureFormat,
  header: PictureHeader,
  box: { maxWidthPx: number; maxHeightPx: number; crop?: boolean },
): string {
  const turned = header.upright.rotation % 180 !== 0;
  const [width, height] = turned ? [header.height, header.width] : [header.width, header.height];
  const shape = box.maxWidthPx / box.maxHeightPx;
  const cut = box.crop
    ? {
        width: Math.min(width, Math.round(height * shape)),
        height: Math.min(height, Math.round(width / shape)),
      }
    : { width, height };
  const scale = Math.min(1, box.maxWidthPx / cut.width, box.maxHeightPx / cut.height);
  const size = [cut.width, cut.height].map((side) => Math.max(1, Math.round(side * scale)));
  const shaped = [
    ...uprightFilters(header.upright),
    ...(box.crop ? [`crop=${Math.max(1, cut.width)}:${Math.max(1, cut.height)}:exact=1`] : []),
  ];
  if (format === "jpeg") return [...shaped, `scale=${size.join(":")}:${TO_JPEG}`].join(",");
  return (
    `[in]${[...shaped, `scale=${size.join(":")}`, "format=rgba"].join(",")}[front];` +
    `color=white:size=${size.join("x")}:rate=1:duration=1[back];` +
    `[back][front]overlay=format=rgb,scale=${TO_JPEG}[out]`
  );
}
