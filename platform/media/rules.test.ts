import { expect, test } from "vitest";
import type { StreamFacts } from "./media-engine.ts";
import { DEFAULT_MEDIA_LIMITS } from "./media-limits.ts";
import type { StreamSpan } from "./packet-survey.ts";
import { uprightFilters } from "./plan.ts";
import {
  acceptPicture,
  canCopyVideo,
  chooseVideo,
  describeVideo,
  type Findings,
  isCutShort,
  outputFps,
  soundsOf,
  targetSize,
  uprightOf,
} from "./rules.ts";

function accept(video: StreamFacts | undefined): void {
  acceptPicture(video, DEFAULT_MEDIA_LIMITS);
}

const video: StreamFacts = {
  index: 0,
  kind: "video",
  codec: "h264",
  profile: "High",
  isDefault: true,
  pixelFormat: "yuv420p",
  fieldOrder: "unknown",
  width: 720,
  height: 1280,
  pixelAspect: { num: 1, den: 1 },
  frameRate: { num: 30, den: 1 },
  nominalFrameRate: { num: 30, den: 1 },
  transfer: "bt709",
  matrix: "bt709",
  primaries: "bt709",
  fullRange: false,
  dolbyVisionBase: null,
  displayMatrix: null,
  attachedPicture: false,
  channels: 0,
  sampleRate: 0,
  frames: null,
};
const audio: StreamFacts = {
  ...video,
  index: 1,
  kind: "audio",
  codec: "aac",
  profile: "LC",
  channels: 2,
  sampleRate: 48_000,
};
const span = (index: number, more: Partial<StreamSpan> = {}): StreamSpan => ({
  index,
  parts: [{ startMs: 0, endMs: 10_000, stepMs: 0 }],
  packets: 300,
  hiddenPackets: 0,
  shownMs: 10_000,
  hiddenMs: 0,
  uniform: true,
  ...more,
});
const plain: Findings = {
  container: "mp4",
  sizeBytes: 4_000_000,
  video,
  audio,
  spans: { video: span(0), audio: span(1) },
  crop: null,
  light: null,
  plainPicture: true,
  hiddenMs: { video: 0, audio: 0 },
  notices: [],
};
const describe = (more: Partial<Findings> = {}) => describeVideo({ ...plain, ...more }, DEFAULT_MEDIA_LIMITS);
const late = [{ startMs: 300, endMs: 10_000, stepMs: 0 }];
const again = [...span(0).parts, { startMs: 0, endMs: 10_000, stepMs: -10_000 }];

test("plain H.264 and AAC are copied", () => {
  expect(canCopyVideo(describe(), 720)).toBe(true);
  expect(describe().audioComplies).toBe(true);
});

test.each<[string, Partial<Findings>]>([
  ["it is HEVC", { video: { ...video, codec: "hevc" }, plainPicture: false }],
  ["its coding is not plain", { plainPicture: false }],
  ["it is 4:4:4", { video: { ...video, pixelFormat: "yuv444p" } }],
  ["it has the full range", { video: { ...video, fullRange: true } }],
  ["its colours are beyond BT.709", { video: { ...video, primaries: "bt2020" } }],
  ["its pixels are not square", { video: { ...video, pixelAspect: { num: 4, den: 3 } } }],
  ["only a part of it is shown", { crop: { x: 2, y: 0, width: 700, height: 1280 } }],
  ["it is mirrored", { video: { ...video, displayMatrix: [-65_536, 0, 0, 0, 65_536] } }],
  ["its short side is too large", { video: { ...video, width: 722 } }],
  ["it is a thin strip", { video: { ...video, height: 2162 } }],
  ["it is fatter than is worth sending", { sizeBytes: 10_000_000 }],
  ["it has 120 frames a second", { video: { ...video, frameRate: { num: 120, den: 1 } } }],
  ["it is another container", { container: "mpegts" }],
  ["an edit list hides a frame", { hiddenMs: { video: 33, audio: 0 } }],
  ["it brings hidden frames along", { spans: { video: span(0, { hiddenMs: 33 }), audio: span(1) } }],
  ["its settings change", { spans: { video: span(0, { uniform: false }), audio: span(1) } }],
  ["its clock restarts", { spans: { video: span(0, { parts: again }), audio: span(1) } }],
  ["it starts after the sound", { spans: { video: span(0, { parts: late }), audio: span(1) } }],
  ["its end is missing", { notices: ["VIDEO_CUT_OFF"] }],
])("a picture is encoded when %s", (_why, more) => {
  expect(canCopyVideo(describe(more), 720)).toBe(false);
});

test.each<[string, Partial<Findings>]>([
  ["it is surround", { audio: { ...audio, channels: 6 } }],
  ["it is MP3", { audio: { ...audio, codec: "mp3" } }],
  ["it is not of low complexity", { audio: { ...audio, profile: "HE-AAC" } }],
  ["its rate is unusual", { audio: { ...audio, sampleRate: 96_000 } }],
  ["an edit list hides more than priming", { hiddenMs: { video: 0, audio: 150 } }],
  ["it starts after the picture", { spans: { video: span(0), audio: span(1, { parts: late }) } }],
  ["its settings change", { spans: { video: span(0), audio: span(1, { uniform: false }) } }],
])("sound is encoded when %s", (_why, more) => {
  expect(describe(more).audioComplies).toBe(false);
});

test.each<[string, () => unknown]>([
  ["NOT_A_VIDEO", () => accept(chooseVideo({ durationMs: 1, streams: [audio] }))],
  [
    "NOT_A_VIDEO",
    () => accept(chooseVideo({ durationMs: 1, streams: [audio, { ...video, attachedPicture: true }] })),
  ],
  ["VIDEO_CODEC_UNSUPPORTED", () => accept({ ...video, codec: "tiertexseqvideo" })],
  ["VIDEO_CODEC_UNSUPPORTED", () => accept({ ...video, codec: "hevc", dolbyVisionBase: 0 })],
  ["VIDEO_DAMAGED", () => accept({ ...video, width: 0 })],
  ["FRAME_TOO_LARGE", () => accept({ ...video, width: 8194 })],
  ["FRAME_TOO_LARGE", () => accept({ ...video, width: 8192, height: 8192 })],
  ["FRAME_TOO_LARGE", () => accept({ ...video, pixelAspect: { num: 100, den: 1 } })],
  [
    "VIDEO_TOO_LONG",
    () =>
      describe({
        spans: { video: span(0, { parts: [{ startMs: 0, endMs: 1e7, stepMs: 0 }] }), audio: null },
      }),
  ],
])("%s", (reason, act) => {
  expect(act).toThrow(expect.objectContaining({ reason }));
});

test("an enabled picture and a default sound come first, pictures that cannot be read last", () => {
  const second = { ...video, index: 2 };
  const streams = (first: Partial<StreamFacts>) => ({
    durationMs: 1,
    streams: [{ ...video, ...first }, second],
  });
  expect(chooseVideo(streams({}))?.index).toBe(0);
  expect(chooseVideo(streams({ isDefault: false }))?.index).toBe(2);
  expect(chooseVideo(streams({ codec: "unknown" }))?.index).toBe(2);
  const sounds = [
    { ...audio, isDefault: false },
    { ...audio, index: 2, codec: "unknown" },
    { ...audio, index: 3 },
  ];
  expect(soundsOf({ durationMs: 1, streams: sounds }).map(({ index }) => index)).toEqual([3, 1]);
});

test.each([
  [{ masteringPeak: 1000, contentPeak: 0 }, 1000],
  [{ masteringPeak: 4000, contentPeak: 600 }, 600],
  [{ masteringPeak: 0.005, contentPeak: 0 }, 1000],
  [{ masteringPeak: 0.005, contentPeak: 65_535 }, 1000],
  [{ masteringPeak: 0, contentPeak: 0 }, 1000],
])("of light told as %j, %i cd/m² are believed", (light, peakNits) => {
  expect(describe({ video: { ...video, transfer: "smpte2084" }, light }).hdr?.peakNits).toBe(peakNits);
});

test.each([
  [1920, 1080, 1280, 720],
  [1080, 1920, 720, 1280],
  [640, 360, 640, 360],
  [161, 91, 162, 92],
  [1, 1, 2, 2],
  [8192, 720, 2160, 190],
])("%ix%i is converted to %ix%i", (width, height, toWidth, toHeight) => {
  expect(targetSize({ width, height }, 720)).toEqual({ width: toWidth, height: toHeight });
});

test.each([
  ["30000/1001", "30000/1001", "30000/1001"],
  ["24/1", "25/1", "25/1"],
  ["50/1", "90000/1", "50/1"],
  ["8/1", "1000/1", "30/1"],
  ["240/1", "240/1", "60/1"],
  ["0/0", "0/0", "30/1"],
  ["1/60", "1/60", "30/1"],
])("average %s and nominal %s give %s frames a second", (average, nominal, expected) => {
  const rational = (text: string) => {
    const [num, den] = text.split("/").map(Number);
    return { num: num!, den: den! };
  };
  expect(outputFps({ frameRate: rational(average), nominalFrameRate: rational(nominal) })).toEqual(
    rational(expected),
  );
});

const ONE = 65_536;
test.each([
  [[ONE, 0, 0, 0, ONE], 0, false],
  [[0, ONE, 0, -ONE, 0], 90, false],
  [[-ONE, 0, 0, 0, -ONE], 180, false],
  [[0, -ONE, 0, ONE, 0], 270, false],
  [[-ONE, 0, 0, 0, ONE], 0, true],
  [[ONE, 0, 0, 0, -ONE], 180, true],
  [[0, ONE, 0, ONE, 0], 270, true],
])("display matrix %j is %i degrees, mirrored: %s", (matrix, rotation, mirrored) => {
  expect(uprightOf(matrix)).toEqual({ rotation, mirrored });
});

test("a mirrored picture is flipped before it is turned", () => {
  expect(uprightFilters({ rotation: 90, mirrored: true })).toEqual(["hflip", "transpose=clock"]);
  expect(uprightFilters({ rotation: 180, mirrored: false })).toEqual(["hflip", "vflip"]);
});

test("a video that ends well before it promised is cut short", () => {
  expect(isCutShort(60_000, 30_000)).toBe(true);
  expect(isCutShort(60_000, 58_000)).toBe(false);
  expect(isCutShort(500, 40)).toBe(false);
});
