import { expect, test } from "vitest";
import type { StreamFacts } from "./media-engine.ts";
import { DEFAULT_MEDIA_LIMITS } from "./media-limits.ts";
import { uprightFilters } from "./plan.ts";
import { acceptVideo, isCutShort, isPlayableAsIs, outputFps, targetSize, uprightOf } from "./rules.ts";

const video: StreamFacts = {
  index: 0,
  kind: "video",
  codec: "h264",
  pixelFormat: "yuv420p",
  width: 720,
  height: 1280,
  pixelAspect: { num: 1, den: 1 },
  frameRate: { num: 30, den: 1 },
  nominalFrameRate: { num: 30, den: 1 },
  transfer: "bt709",
  displayMatrix: null,
  attachedPicture: false,
  channels: 0,
};
const audio: StreamFacts = { ...video, index: 1, kind: "audio", codec: "aac", channels: 2 };
const layout = {
  hasIndex: true,
  fastStart: true,
  truncated: false,
  fragmented: false,
  hasDescription: false,
};
const file = { container: "mp4" as const, sizeBytes: 4_000_000, layout };
const accept = (streams: StreamFacts[], { durationMs = 10_000, ...more } = {}) =>
  acceptVideo({ durationMs, streams }, { ...file, ...more }, DEFAULT_MEDIA_LIMITS);

test("a plain H.264/AAC file is played as it is", () => {
  expect(isPlayableAsIs(accept([video, audio]), 720)).toBe(true);
  expect(isPlayableAsIs(accept([video]), 720)).toBe(true);
});

test.each<[string, StreamFacts[], object?]>([
  ["its index comes last", [video], { layout: { ...layout, fastStart: false } }],
  ["it is in fragments", [video], { layout: { ...layout, fragmented: true } }],
  ["it tells where it was taken", [video], { layout: { ...layout, hasDescription: true } }],
  ["it has a third stream", [video, audio, { ...video, index: 2, kind: "other" }]],
  ["it is HEVC", [{ ...video, codec: "hevc" }]],
  ["it is 4:4:4", [{ ...video, pixelFormat: "yuv444p" }]],
  ["its short side is too large", [{ ...video, width: 722 }]],
  ["it is a thin strip", [{ ...video, height: 2162 }]],
  ["its sound is surround", [video, { ...audio, channels: 6 }]],
  ["its sound is MP3", [video, { ...audio, codec: "mp3" }]],
  ["it is fatter than is worth sending", [video], { sizeBytes: 10_000_000 }],
  ["it has 120 frames a second", [{ ...video, frameRate: { num: 120, den: 1 } }]],
  ["it is another container", [video], { container: "matroska", layout: null }],
])("a file gets a rendition when %s", (_why, streams, more) => {
  expect(isPlayableAsIs(accept(streams, more), 720)).toBe(false);
});

test.each<[string, StreamFacts[], { durationMs?: number }?]>([
  ["NOT_A_VIDEO", [audio]],
  ["NOT_A_VIDEO", [audio, { ...video, attachedPicture: true }]],
  ["VIDEO_CODEC_UNSUPPORTED", [{ ...video, codec: "tiertexseqvideo" }]],
  ["VIDEO_DAMAGED", [{ ...video, width: 0 }]],
  ["VIDEO_DAMAGED", [video], { durationMs: 0 }],
  ["VIDEO_TOO_LONG", [video], { durationMs: DEFAULT_MEDIA_LIMITS.maxDurationMs + 1 }],
  ["FRAME_TOO_LARGE", [{ ...video, width: 8194 }]],
  ["FRAME_TOO_LARGE", [{ ...video, width: 8192, height: 8192 }]],
  ["FRAME_TOO_LARGE", [{ ...video, pixelAspect: { num: 100, den: 1 } }]],
])("%s", (reason, streams, more) => {
  expect(() => accept(streams, more)).toThrow(expect.objectContaining({ reason }));
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
