import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { onlyPicture } from "./jpeg-segments.ts";

const still = readFileSync(new URL("testdata/bright-left.jpg", import.meta.url));
function segment(marker: number, text: string): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0]);
  head.writeUInt16BE(text.length + 2, 2);
  return Buffer.concat([head, Buffer.from(text, "latin1")]);
}
const withSegments = (...segments: Buffer[]) =>
  Buffer.concat([still.subarray(0, 2), ...segments, still.subarray(2)]);
const profile = (bytes: number, parts = 1) =>
  segment(0xe2, `ICC_PROFILE\0\x01${String.fromCharCode(parts)}${"p".repeat(bytes)}`);

test("what is no picture is left out, and the picture stays as it is", () => {
  const plain = onlyPicture(still)!;
  const told = [
    segment(0xe1, "Exif\0\0place"),
    segment(0xe1, "xmp"),
    segment(0xed, "IPTC"),
    segment(0xfe, "said"),
  ];
  expect(onlyPicture(withSegments(...told))).toEqual(plain);
  expect(onlyPicture(withSegments(segment(0xe2, "MPF\0another picture")))).toEqual(plain);
});

test("a colour profile stays, unless something else must be in it", () => {
  const plain = onlyPicture(still)!;
  expect(onlyPicture(withSegments(profile(548)))!.length).toBe(plain.length + 548 + 18);
  expect(onlyPicture(withSegments(profile(20_000)))).toEqual(plain);
  expect(onlyPicture(withSegments(profile(548, 2), profile(548, 2)))).toEqual(plain);
});

test("what is no JPEG is none, wherever it ends", () => {
  expect(onlyPicture(Buffer.from("GIF89a"))).toBeNull();
  const file = withSegments(segment(0xe1, "Exif\0\0place"));
  const scan = file.indexOf(Buffer.from([0xff, 0xda]));
  for (let bytes = 0; bytes < scan; bytes++) expect(onlyPicture(file.subarray(0, bytes))).toBeNull();
});
