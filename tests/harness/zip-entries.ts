import { inflateRawSync } from "node:zlib";

/** What is in a small ZIP (APPNOTE.TXT 4.3.12: the central directory), by path. */
export function zipEntries(zip: Buffer): Map<string, Buffer> {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06", "latin1"));
  const entries = new Map<string, Buffer>();
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const packed = zip.readUInt16LE(at + 10) === 8;
    const [size, nameBytes, extraBytes, commentBytes] = [
      zip.readUInt32LE(at + 20),
      zip.readUInt16LE(at + 28),
      zip.readUInt16LE(at + 30),
      zip.readUInt16LE(at + 32),
    ];
    const local = zip.readUInt32LE(at + 42);
    const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const content = zip.subarray(from, from + size);
    const name = zip.toString("utf8", at + 46, at + 46 + nameBytes);
    entries.set(name, packed ? inflateRawSync(content) : content);
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  return entries;
}
