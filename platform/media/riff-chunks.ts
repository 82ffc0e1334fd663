import type { FileHandle } from "node:fs/promises";

/** Of a gigabyte each; the search ends after this many. */
const MAX_CHUNKS = 64;
/** Sizes by recorders that cannot seek back, or did not get to it. */
const UNKNOWN_LENGTHS = [0, 0xffffffff];

/** Whether an AVI file ends before its chunks do (RIFF, and OpenDML for more than one of them). */
export async function isRiffCutOff(file: FileHandle, sizeBytes: number): Promise<boolean> {
  const header = Buffer.alloc(8);
  let at = 0;
  for (let seen = 0; seen < MAX_CHUNKS; seen++) {
    const { bytesRead } = await file.read(header, 0, header.length, at);
    if (bytesRead < header.length || header.toString("latin1", 0, 4) !== "RIFF") return false;
    const bytes = header.readUInt32LE(4);
    if (UNKNOWN_LENGTHS.includes(bytes)) return false;
    // Some writers wrongly count the header too.
    if (at + bytes > sizeBytes) return true;
    at += header.length + bytes + (bytes % 2);
  }
  return false;
}
