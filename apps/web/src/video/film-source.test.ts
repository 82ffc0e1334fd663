import { expect, test } from "vitest";
import { rungAddress, sourceAfter, sourceOf } from "./film-source.ts";

const video = {
  playUrl: "/file.mp4",
  hlsUrl: "/master.m3u8",
  durationMs: 15_000,
  renditions: [360, 720, 1080].map((shortSide) => ({
    shortSide,
    width: shortSide,
    height: shortSide * 2,
    bitrate: shortSide * 3000,
  })),
};
const file = { kind: "file", url: "/file.mp4" };
const stream = (rung: number | null) => ({ kind: "stream", url: "/master.m3u8", rung });
const auto = { quality: "auto", saveData: false } as const;

test("a short film on a line that carries it is a file, everything else is a stream", () => {
  expect(sourceOf(video, auto)).toEqual(file);
  expect(sourceOf(video, { ...auto, lineBitrate: 10e6 })).toEqual(file);
  expect(sourceOf(video, { ...auto, lineBitrate: 4e6 })).toEqual(stream(null));
  expect(sourceOf({ ...video, durationMs: 90_000 }, auto)).toEqual(stream(null));
});

test("what will be seen later is a stream, and stays one when it comes into view", () => {
  const later = sourceOf(video, { ...auto, ahead: true });
  expect(later).toEqual(stream(null));
  expect(sourceAfter(later, video, { ...auto, ahead: false })).toEqual(stream(null));
  expect(sourceOf({ ...video, hlsUrl: null }, { ...auto, ahead: true })).toEqual(file);
});

test("a wanted quality is the largest rung that is not above it", () => {
  for (const [quality, rung] of [
    [1080, 1080],
    [900, 720],
    [480, 360],
    [240, 360],
  ] as const)
    expect(sourceOf(video, { ...auto, quality }), `${quality}`).toEqual(stream(rung));
});

test("the playlist of a rung is beside that of all, and signed as it is", () => {
  expect(rungAddress("/media/hls/1/master.m3u8", 90)).toBe("/media/hls/1/90.m3u8");
  expect(rungAddress("https://a.b/media/hls/1/master.m3u8?video=1&viewer=0&until=2&signature=a_-b", 90)).toBe(
    "https://a.b/media/hls/1/90.m3u8?video=1&viewer=0&until=2&signature=a_-b",
  );
});

test("who saves data gets the smallest rung, unless they choose", () => {
  expect(sourceOf(video, { ...auto, saveData: true })).toEqual(stream(360));
  expect(sourceOf(video, { quality: 720, saveData: true })).toEqual(stream(720));
});

test("without rungs there is the file only, and before it nothing", () => {
  const fresh = { ...video, hlsUrl: null, renditions: [] };
  expect(sourceOf(fresh, { quality: 360, saveData: true })).toEqual(file);
  expect(sourceOf({ ...fresh, playUrl: null }, auto)).toBeNull();
});

test("a long film that is played from its file goes on with it when its rungs come; at a fresh address too", () => {
  const long = { ...video, durationMs: 90_000 };
  const before = sourceOf({ ...long, hlsUrl: null, renditions: [] }, auto);
  expect(before).toEqual(file);
  expect(sourceAfter(before, long, auto)).toEqual(file);
  expect(sourceAfter(before, { ...long, playUrl: "/fresh.mp4" }, auto)).toEqual({
    ...file,
    url: "/fresh.mp4",
  });
  // Begun anew, it is a stream.
  expect(sourceAfter(null, long, auto)).toEqual(stream(null));
  expect(sourceAfter(stream(null) as never, long, { ...auto, quality: 360 })).toEqual(stream(360));
});
