import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from "node:crypto";

/**
 * Files that only who has the key reads, of any size. A file is a magic word, a salt, and chunks in AES-256-GCM: a key of
 * its own from the salt and its name (HKDF-SHA-256), a nonce that counts the chunks and marks the last (STREAM, as age
 * has it). So chunks cannot be changed, left out, exchanged or cut off, nor can files take each other's place.
 */
const algorithm = "aes-256-gcm";
const magic = Buffer.from("DOUYABK1");
const saltBytes = 16;
const headBytes = magic.length + saltBytes;
const chunkBytes = 64 * 1024;
const tagBytes = 16;

/** What was read is not what was written. */
export class DamagedStream extends Error {}

/** The size that `sealStream` makes of so many bytes. */
export function sealedBytes(plainBytes: number): number {
  return headBytes + plainBytes + tagBytes * Math.max(1, Math.ceil(plainBytes / chunkBytes));
}

export async function* sealStream(
  secret: string,
  name: string,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const salt = randomBytes(saltBytes);
  const key = keyOf(secret, name, salt);
  yield Buffer.concat([magic, salt]);
  for await (const { chunk, at, isLast } of inChunks(source, chunkBytes)) {
    const cipher = createCipheriv(algorithm, key, nonceOf(at, isLast));
    yield Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
  }
}

/** Errors: DamagedStream, before anything of a damaged chunk is given. */
export async function* openStream(
  secret: string,
  name: string,
  source: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  let key: Buffer | undefined;
  const rest = afterHead(source, (head) => {
    if (!head.subarray(0, magic.length).equals(magic)) throw new DamagedStream("it is not an encrypted file");
    key = keyOf(secret, name, head.subarray(magic.length));
  });
  for await (const { chunk, at, isLast } of inChunks(rest, chunkBytes + tagBytes)) {
    if (!key || chunk.length < tagBytes) throw new DamagedStream("it ends too early");
    const body = chunk.subarray(0, -tagBytes);
    const decipher = createDecipheriv(algorithm, key, nonceOf(at, isLast)).setAuthTag(
      chunk.subarray(-tagBytes),
    );
    try {
      const opened = [decipher.update(body), decipher.final()];
      yield Buffer.concat(opened);
    } catch {
      throw new DamagedStream("it was changed or ends too early");
    }
  }
}

/** A name for something that is not told by it. */
export function sealedName(secret: string, purpose: string, text: string): string {
  return createHmac("sha256", Buffer.from(hkdfSync("sha256", secret, "", `douya backup ${purpose}`, 32)))
    .update(text)
    .digest("hex");
}

function keyOf(secret: string, name: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync("sha256", secret, salt, `douya backup file ${name}`, 32));
}

function nonceOf(at: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeUIntBE(at, 5, 6);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

async function* afterHead(source: AsyncIterable<Buffer>, onHead: (head: Buffer) => void) {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const bytes of source) {
    if (!head) {
      yield bytes;
      continue;
    }
    head = Buffer.concat([head, bytes]);
    if (head.length < headBytes) continue;
    onHead(head.subarray(0, headBytes));
    yield head.subarray(headBytes);
    head = undefined;
  }
  if (head) throw new DamagedStream("it ends too early");
}

/** All of the same size but for the last, which is there even if there is nothing. */
async function* inChunks(source: AsyncIterable<Buffer>, size: number) {
  let waiting: Buffer[] = [];
  let bytes = 0;
  let at = 0;
  for await (const more of source) {
    waiting.push(more);
    bytes += more.length;
    // What fills a chunk exactly may be the last one.
    if (bytes <= size) continue;
    let all = Buffer.concat(waiting);
    for (; all.length > size; all = all.subarray(size))
      yield { chunk: all.subarray(0, size), at: at++, isLast: false };
    waiting = [all];
    bytes = all.length;
  }
  yield { chunk: Buffer.concat(waiting), at, isLast: true };
}
