import type { Readable } from "node:stream";

/** `<namespace>/<sha256>.<extension>`: content never changes under a key, so it can be cached for ever. */
export type BlobKey = string;

/** A file that is not a blob yet: complete or being written, known only to who is working on it. */
export interface Staged {
  name: string;
  sha256: string;
  sizeBytes: number;
}

export interface ReceiveOptions {
  maxBytes: number;
  /** About how many will come, when that is known: without room for them the file is refused at once. */
  expectedBytes?: number | undefined;
  /** Sees the first bytes (at least 1024, or all there are) before anything is kept; throws to refuse. */
  inspect?: (firstBytes: Buffer) => void;
}

/**
 * Large immutable files. Writing has two steps: stage, where a file grows and can be thrown away, and commit,
 * which gives it its name by content in one atomic and durable act. Error everywhere: BLOB_KEY_INVALID for what
 * is no key and no staged name.
 */
export interface BlobStore {
  /** Streams `source` to a staged file. Errors: BODY_TOO_LARGE, EMPTY_FILE, UPLOAD_INCOMPLETE, DISK_FULL; nothing stays then. */
  receive(source: Readable, options: ReceiveOptions): Promise<Staged>;
  /** A path where a tool may write a file, to be staged with `adopt`. */
  stagingPath(extension: string): Promise<{ name: string; path: string }>;
  /** Measures and names what a tool wrote. */
  adopt(name: string): Promise<Staged>;
  /** Throws a staged file away; nothing happens when there is none. */
  discard(name: string): Promise<void>;
  /** Makes a staged file the blob `key`, durably; a blob that is already there stays. */
  commit(name: string, key: BlobKey): Promise<void>;
  /** Removes a blob; nothing happens when there is none. */
  remove(key: BlobKey): Promise<void>;
  size(key: BlobKey): Promise<number | undefined>;
  /** Bytes `start` to `end`, both included. */
  read(key: BlobKey, range?: { start: number; end: number }): Readable;
  /** How much room there is for files, without what is kept for others. */
  freeBytes(): Promise<number>;
  /** Runs a tool on a blob or a staged file as a file on the local disk. */
  withFile<T>(source: { key: BlobKey } | { staged: string }, use: (path: string) => Promise<T>): Promise<T>;
  /** Removes staged files that nobody has touched for so long, left by processes that died; tells how many. */
  sweepStaged(olderThanMs: number): Promise<number>;
}

/** The key of content in a namespace. */
export function blobKey(namespace: string, sha256: string, extension: string): BlobKey {
  return `${namespace}/${sha256}.${extension}`;
}

/** Whether a string has the form of a key; whatever else it is never reaches a file system. */
export function isBlobKey(text: string): boolean {
  return /^[a-z]{1,16}\/[0-9a-f]{64}\.[a-z0-9]{1,5}$/.test(text);
}
