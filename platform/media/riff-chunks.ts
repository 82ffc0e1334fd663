import type { FileHandle } from "node:fs/promises";

/** Of a gigabyte each; what comes after so many is not looked at. */
const MAX_CHUNKS = 64;
/** What recorders write that cannot go back, or did not come to it. */
const UNKNOWN_LENGTHS = [0, 0xffffffff];

/** Whether an AVI file ends before the chunks that it is made of (RIFF, and OpenDML for more than one of them). */
export async function isRiffCutOff(file: FileHandle, sizeBytes: number): Promise<boolean> {
  const header = Buffer.alloc(8);
  let at = 0;
  for (let seen = 0; seen < MAX_CHUNKS; seen++) {
    const { bytesRead } = await file.read(header, 0, header.length, at);
    if (bytesRead < header.length || header.toString("latin1", 0, 4) !== "RIFF") return false;
    const bytes = header.readUInt32LE(4);
    if (UNKNOWN_LENGTHS.includes(bytes)) return false;
    // Some writers count the header too, which should not be.
    if (at + bytes > sizeBytes) return true;
    at += header.length + bytes + (bytes % 2);
  }
  return false;
}
