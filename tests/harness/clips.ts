import { randomBytes, randomInt } from "node:crypto";
import { readFileSync } from "node:fs";

const folder = new URL("../../platform/media/testdata/", import.meta.url);

/** One of the small files in platform/media/testdata; make.sh there says what each contains. */
export function clip(name: string): Buffer<ArrayBuffer> {
  return readFileSync(new URL(name, folder));
}

/**
 * A short video that equals no other upload. Of the one that needs no conversion, the rendition is unique too: data
 * besides pictures and sound are not published.
 */
export function freshClip(name = "compliant.mp4"): Buffer<ArrayBuffer> {
  const file = clip(name);
  if (name === "compliant.mp4") refineClock(file, 2 + randomInt(40_000));
  return withOwnBox(file);
}

/** A clip of this size, by an empty box at its end. */
export function largeClip(bytes: number): Buffer<ArrayBuffer> {
  const clip = freshClip();
  return Buffer.concat([clip, freeBox(bytes - clip.length)]);
}

/** A part of an MP4 that players skip. */
export function freeBox(bytes: number): Buffer<ArrayBuffer> {
  const box = Buffer.alloc(bytes);
  box.writeUInt32BE(bytes, 0);
  box.write("free", 4, "latin1");
  return box;
}

/** The same file with a box at its end that players skip and that no other file has. */
export function withOwnBox(file: Uint8Array): Buffer<ArrayBuffer> {
  const box = freeBox(24);
  randomBytes(16).copy(box, 8);
  return Buffer.concat([file, box]);
}

/** Counts the pictures' times in units this many times smaller; the timing does not change. */
function refineClock(file: Buffer, times: number): void {
  const scale = (at: number) => file.writeUInt32BE(file.readUInt32BE(at) * times, at);
  const [mdhd, stts, ctts, elst] = ["mdhd", "stts", "ctts", "elst"].map((type) => file.indexOf(type)) as [
    number,
    number,
    number,
    number,
  ];
  // After the type: version and flags, two dates, the units per second, the duration in them.
  scale(mdhd + 16);
  scale(mdhd + 20);
  for (const table of [stts, ctts])
    for (let i = 0; i < file.readUInt32BE(table + 8); i++) scale(table + 16 + 8 * i);
  // The time at which the one edit begins.
  scale(elst + 16);
}

/** Two seconds of a video with most pictures missing: only decoding shows it. */
export function cutOffClip(): Buffer<ArrayBuffer> {
  const file = clip("hevc-10bit-mono.mov");
  const mdat = file.indexOf("mdat");
  const bytes = file.readUInt32BE(mdat - 4);
  file.fill(0, mdat + Math.round(bytes / 5), mdat - 4 + bytes);
  // Without its sound, which could still be heard to its end.
  file.write("skip", file.lastIndexOf("trak"), "latin1");
  return file;
}
