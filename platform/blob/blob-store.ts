import type { Readable } from "node:stream";

/** `<namespace>/<sha256>.<extension>`: content never changes under a key, so it can be cached forever. */
export type BlobKey = string;

/** Room for a file, in files of its size: itself, what is made of it, and that once more while it is being made. */
export const roomPerFile = 3;

/** A file that is not a blob yet: complete or being written, known only to the code that works on it. */
export interface Staged {
  name: string;
  sha256: string;
  sizeBytes: number;
}

export interface ReceiveOptions {
  maxBytes: number;
  /** The expected size, if known: without room for `roomPerFile` of it, it is refused at once. */
  expectedBytes?: number | undefined;
  /** Checks the first bytes (at least 1024, or all there are) before anything is stored; throws to refuse. */
  inspect?: (firstBytes: Buffer) => void;
}

export interface AppendOptions {
  /** Where the bytes begin: at most the size of what is there. */
  at: number;
  /** The size of the whole file. */
  sizeBytes: number;
  /** Checks the first bytes (at least 1024, or all there will be) as soon as they are there; throws to refuse. */
  inspect?: (firstBytes: Buffer) => void;
  /** Whether one is still the only writer: what another has appended meanwhile is neither changed nor cut off. */
  isWriter?: () => boolean;
  /** SHA-1, SHA-256 or MD5 of the bytes: if they are others, or do not all come, none is kept. */
  checksum?: { algorithm: string; digest: Buffer } | undefined;
}

/** Partial files that their senders put in the store themselves, in parts, past us. */
export interface DirectUploads {
  /** Of the URLs of parts. */
  origin: string;
  /** The name of such a file, which appears when it is completed. */
  name(): string;
  /** Begins one; what it answers is to be kept, for the calls that follow. */
  begin(name: string): Promise<string>;
  /** Where its sender puts the parts, each of exactly `partBytes`, the last one of what is left. */
  parts(
    name: string,
    begun: string,
    file: { sizeBytes: number; lifetimeMs: number },
  ): Promise<{ partBytes: number; urls: string[] }>;
  /** The numbers of the parts that have come, from 1; undefined when all have and were put together. */
  sent(name: string, begun: string): Promise<number[] | undefined>;
  /**
   * Makes the parts, of which these are the ETags in their order (none: whatever they are), the partial file, out of reach
   * of its sender. Repeated, it goes on where it was. Errors: UPLOAD_PARTS_WRONG, when they can be sent again; BODY_TOO_LARGE, when they are not
   * as long as announced.
   */
  complete(
    name: string,
    begun: string,
    etags: readonly string[],
    sizeBytes: number,
    /** Looked at between two pieces. */
    signal?: AbortSignal,
  ): Promise<void>;
}

/**
 * Large immutable files. Writing has two steps: stage, where a file grows and can be discarded, and commit, which
 * gives it its name by content in one atomic and durable act. Error everywhere: BLOB_KEY_INVALID for a string that is
 * neither a key nor a staged name.
 */
export interface BlobStore {
  /**
   * Streams `source` to a staged file. Errors: BODY_TOO_LARGE, EMPTY_FILE, UPLOAD_INCOMPLETE, DISK_FULL; nothing
   * remains then.
   */
  receive(source: Readable, options: ReceiveOptions): Promise<Staged>;
  /** A path where a tool may write a file, which `adopt` then stages. */
  stagingPath(extension: string): Promise<{ name: string; path: string }>;
  /** Measures and names a file that a tool wrote. It ends with the signal, and the error is the signal's reason. */
  adopt(name: string, signal?: AbortSignal): Promise<Staged>;
  /** The name of a partial file: a staged file that arrives in pieces, and exists from its first bytes on. */
  partialName(): Promise<string>;
  /** How much of a partial file has come. */
  partialSize(name: string): Promise<number>;
  /**
   * Streams `source` into a partial file; returns the size that it has then, durably. What came is kept when the source
   * breaks off, and the error is its own or UPLOAD_INCOMPLETE. Errors besides: BODY_TOO_LARGE, CHECKSUM_MISMATCH, after
   * which none of it is kept; DISK_FULL.
   */
  append(name: string, source: Readable, options: AppendOptions): Promise<number>;
  /** Undefined where senders can put nothing. */
  direct?: DirectUploads;
  /** Discards a staged file, if it exists. */
  discard(name: string): Promise<void>;
  /**
   * Makes a staged file the blob `key`, durably; an existing blob stays. It is missing unless it has its `sizeBytes`, where
   * they are given: who discards it may have begun.
   */
  commit(name: string, key: BlobKey, sizeBytes?: number): Promise<void>;
  /** Removes a blob, if it exists. */
  remove(key: BlobKey): Promise<void>;
  size(key: BlobKey): Promise<number | undefined>;
  /** Bytes `start` to `end`, both included. */
  read(key: BlobKey, range?: { start: number; end: number }): Readable;
  /**
   * A URL at which anybody may load the blob for some minutes, shown as `type` and perhaps saved under a name; undefined
   * where there is none.
   */
  linkTo?(
    key: BlobKey,
    shown: { type: string; caching: string; disposition?: string },
  ): Promise<string | undefined>;
  /** Room for files, without what is reserved for other uses and for files that `receive` is taking in any process. */
  freeBytes(): Promise<number>;
  /** Runs a tool on a blob or a staged file, as a file on the local disk. The signal ends what brings it there. */
  withFile<T>(
    source: { key: BlobKey } | { staged: string },
    use: (path: string) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T>;
  /**
   * Removes staged files that nobody has touched for this long, left by processes that died, and partial ones after a
   * time of their own; returns how many.
   */
  sweepStaged(olderThanMs: number, partialOlderThanMs?: number): Promise<number>;
}

/** The key of content in a namespace. */
export function blobKey(namespace: string, sha256: string, extension: string): BlobKey {
  return `${namespace}/${sha256}.${extension}`;
}

/** Whether a string has the form of a key; no other string reaches a file system. */
export function isBlobKey(text: string): boolean {
  return /^[a-z]{1,16}\/[0-9a-f]{64}\.[a-z0-9]{1,5}$/.test(text);
}

/** Whether a string has the form of a staged name. */
export function isStagedName(text: string): boolean {
  return /^[0-9a-f-]{36}(\.[a-z0-9]{1,5})?$/.test(text);
}
