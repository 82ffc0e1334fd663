import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

const folder = new URL("../../platform/media/testdata/", import.meta.url);

/** One of the small files in platform/media/testdata; make.sh there says what is in each. */
export function clip(name: string): Buffer<ArrayBuffer> {
  return readFileSync(new URL(name, folder));
}

/** A short video that needs no conversion and that no other upload equals. */
export function freshClip(name = "compliant.mp4"): Buffer<ArrayBuffer> {
  // A box that players skip, at the end of the file.
  const box = Buffer.alloc(24);
  box.writeUInt32BE(box.length, 0);
  box.write("free", 4, "latin1");
  randomBytes(16).copy(box, 8);
  return Buffer.concat([clip(name), box]);
}

/** Two seconds of a video that says it has a minute: what is found out only by reading to its end. */
export function cutOffClip(): Buffer<ArrayBuffer> {
  const file = clip("odd-surround.webm");
  const duration = file.indexOf(Buffer.from([0x44, 0x89, 0x88]));
  file.writeDoubleBE(60_000, duration + 3);
  return file;
}
