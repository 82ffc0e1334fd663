import { expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { PICTURE_HEADER_BYTES, readPictureHeader } from "./picture-header.ts";

const stored = { rotation: 0, mirrored: false };

/** A JPEG's start: an Exif segment with an orientation, then the frame header of 4032x3024. */
function jpegStart(orientation: number, littleEndian: boolean): Buffer {
  const tiff = littleEndian
    ? [..."II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0", String.fromCharCode(orientation), "\0\0\0"]
    : [..."MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0", String.fromCharCode(orientation), "\0\0"];
  const exif = Buffer.from(`Exif\0\0${tiff.join("")}`, "latin1");
  const length = Buffer.from([0, exif.length + 2]);
  const frame = Buffer.from([0xff, 0xc0, 0, 17, 8, 3024 >> 8, 3024 & 255, 4032 >> 8, 4032 & 255, 3]);
  return Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe1]), length, exif, frame]);
}

test.each([
  [1, stored],
  [2, { rotation: 0, mirrored: true }],
  [3, { rotation: 180, mirrored: false }],
  [6, { rotation: 90, mirrored: false }],
  [8, { rotation: 270, mirrored: false }],
  [9, stored],
])("Exif orientation %i of a JPEG in both byte orders", (orientation, upright) => {
  for (const littleEndian of [true, false])
    expect(readPictureHeader("jpeg", jpegStart(orientation, littleEndian))).toEqual({
      width: 4032,
      height: 3024,
      upright,
    });
});

test("sizes of PNG, GIF and the three kinds of WebP", () => {
  const png = Buffer.alloc(24);
  png.writeUInt32BE(60_000, 16);
  png.writeUInt32BE(50_000, 20);
  const gif = Buffer.from("GIF89a\x2c\x01\xc8\0", "latin1");
  const webp = (chunk: string, ...rest: number[]) =>
    Buffer.from([...Buffer.from(`RIFF\0\0\0\0WEBP${chunk}\0\0\0\0`, "latin1"), ...rest]);
  expect(readPictureHeader("png", png)).toMatchObject({ width: 60_000, height: 50_000 });
  expect(readPictureHeader("gif", gif)).toMatchObject({ width: 300, height: 200 });
  const size = { width: 300, height: 200 };
  expect(readPictureHeader("webp", webp("VP8X", 0, 0, 0, 0, 43, 1, 0, 199, 0, 0))).toMatchObject(size);
  expect(readPictureHeader("webp", webp("VP8L", 0x2f, 43, 0xc1, 49, 0))).toMatchObject(size);
  expect(readPictureHeader("webp", webp("VP8 ", 0, 0, 0, 0x9d, 1, 0x2a, 44, 1, 200, 0))).toMatchObject(size);
});

test.each([
  ["cut off", "jpeg", Buffer.from([0xff, 0xd8, 0xff, 0xe1, 0x10])],
  ["without a frame", "jpeg", Buffer.from([0xff, 0xd8, 0x00, 0x00])],
  ["cut off", "png", Buffer.alloc(20)],
  ["of no size", "gif", Buffer.from("GIF89a\0\0\0\0", "latin1")],
] as const)("a header that is %s makes no sense (%s)", (_what, format, bytes) => {
  expect(readPictureHeader(format, bytes)).toBeNull();
});

test("no bytes make it fail, or look further than they go", () => {
  const formats = ["jpeg", "png", "gif", "webp"] as const;
  const exif = Buffer.from("\xff\xd8\xff\xe1\xff\xffExif\0\0II*\0\x08\0\0\0\xff\xff", "latin1");
  const start = fc.constantFrom(Buffer.alloc(0), Buffer.from([0xff, 0xd8]), jpegStart(6, true), exif);
  const bytes = fc.uint8Array({ maxLength: 200 });
  fc.assert(
    fc.property(fc.constantFrom(...formats), start, bytes, (format, first, rest) => {
      const header = readPictureHeader(format, Buffer.concat([first, rest]));
      if (header) expect(header.width * header.height).toBeGreaterThan(0);
    }),
    { seed: 8, numRuns: 2000 },
  );
  // Every segment empty, and only padding.
  for (const piece of [Buffer.from([0xff, 0xe0, 0, 0]), Buffer.from([0xff])])
    expect(readPictureHeader("jpeg", Buffer.alloc(PICTURE_HEADER_BYTES, piece))).toBeNull();
});
