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
