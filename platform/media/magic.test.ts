import { expect, test } from "vitest";
import { sniffAnyPicture, sniffVideo } from "./magic.ts";

const latin = (text: string) => Buffer.from(text, "latin1");

test.each([
  ["mp4", "\0\0\0\x20ftypisom"],
  ["mp4", "\0\0\0\x14ftypqt  "],
  ["mp4", "\0\0\0\x14ftyp3gp5"],
  ["mp4", "\0\0\0\x08wide\0\0\0\0mdat"],
  ["mp4", "\0\0\x01\0moov\0\0\0\x6cmvhd"],
  ["matroska", "\x1a\x45\xdf\xa3\x9f\x42\x86"],
  ["avi", "RIFF\0\0\0\0AVI LIST"],
  ["flv", "FLV\x01\x05"],
  ["mpegps", "\0\0\x01\xba\x44"],
  ["mpegts", `G${" ".repeat(187)}`.repeat(3)],
])("%s is known by its first bytes", (container, first) => {
  expect(sniffVideo(latin(first))).toBe(container);
});

test.each([
  ["nothing", ""],
  ["heic", "\0\0\0\x18ftypheic"],
  ["avif", "\0\0\0\x1cftypavif"],
  ["m4a", "\0\0\0\x1cftypM4A "],
  ["jpeg", "\xff\xd8\xff\xe0"],
  ["wav", "RIFF\0\0\0\0WAVEfmt "],
  ["a playlist", "#EXTM3U\n#EXTINF:1,\nhttp://example.org/"],
  ["a concat list", "ffconcat version 1.0\nfile /etc/passwd"],
  ["html", "<!doctype html>"],
  ["text that starts with G", "G".padEnd(600, " ")],
])("%s is not a video", (_what, first) => {
  expect(sniffVideo(latin(first))).toBeNull();
});

test.each([
  ["jpeg", "\xff\xd8\xff\xe1"],
  ["png", "\x89PNG\r\n\x1a\n"],
  ["webp", "RIFF\0\0\0\0WEBPVP8 "],
  ["gif", "GIF89a"],
  [null, "<svg xmlns="],
  ["heic", "\0\0\0\x18ftypheic"],
  ["avif", "\0\0\0\x18ftypavif"],
  [null, "\0\0\0\x18ftypavis"],
  [null, "BM6"],
])("%s is told from pictures that are not accepted", (format, first) => {
  expect(sniffAnyPicture(latin(first))).toBe(format);
});
