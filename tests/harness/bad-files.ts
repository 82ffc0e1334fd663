import { clip } from "./clips.ts";

const text = (value: string) => Buffer.from(value);
const noise = (bytes: number) => Buffer.from(Array.from({ length: bytes }, (_, i) => (i * i * 31 + i) % 251));
/** A file as short as its first bytes say, followed by something else. */
export const mp4Head = text("\0\0\0\x18ftypisom\0\0\x02\0isommp41");
const playlist = (url: string) => `#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10.0,\n${url}\n#EXT-X-ENDLIST\n`;
const concat = (url: string) => `ffconcat version 1.0\nfile '${url}'\n`;

type BadFile = [
  name: string,
  make: () => Buffer<ArrayBuffer>,
  status: number,
  reason: string,
  classicCode: number,
];

/** What no way of uploading takes. `canaryUrl`: an address that nobody may follow. */
export function badFiles(canaryUrl: () => string): BadFile[] {
  return [
    ["a file without a byte", () => text(""), 422, "EMPTY_FILE", 10203],
    ["a text", () => text("hello"), 422, "NOT_A_VIDEO", 10204],
    ["one byte", () => text("\0"), 422, "NOT_A_VIDEO", 10204],
    ["a moving GIF", () => clip("moving.gif"), 422, "PICTURE_UNSUPPORTED", 10204],
    ["a web page", () => text("<!doctype html><script>alert(1)</script>"), 422, "NOT_A_VIDEO", 10204],
    ["a song with a cover", () => clip("song-with-cover.mp4"), 422, "NOT_A_VIDEO", 10204],
    ["a playlist of a file here", () => text(playlist("file:///etc/passwd")), 422, "NOT_A_VIDEO", 10204],
    ["a playlist of an address", () => text(playlist(canaryUrl())), 422, "NOT_A_VIDEO", 10204],
    ["a list of files", () => text(concat("/etc/passwd")), 422, "NOT_A_VIDEO", 10204],
    [
      "a playlist that begins like an MP4",
      () => Buffer.concat([mp4Head, text(playlist(canaryUrl()))]),
      422,
      "VIDEO_DAMAGED",
      10205,
    ],
    [
      "a playlist that begins like an FLV",
      () => Buffer.concat([text("FLV\x01\x05\0\0\0\x09"), text(playlist(canaryUrl()))]),
      422,
      "VIDEO_DAMAGED",
      10205,
    ],
    ["the first half", () => clip("compliant.mp4").subarray(0, 11_000), 422, "VIDEO_DAMAGED", 10205],
    ["the head alone", () => clip("recorder.webm").subarray(0, 200), 422, "VIDEO_DAMAGED", 10205],
    ["a head and noise", () => Buffer.concat([mp4Head, noise(50_000)]), 422, "VIDEO_DAMAGED", 10205],
    ["frames of 16,384 pixels", () => clip("16384px.mp4"), 413, "FRAME_TOO_LARGE", 10207],
    ["a clip of hours", () => clip("five-hours.mp4"), 413, "VIDEO_TOO_LONG", 10206],
  ];
}
