import type { Readable } from "node:stream";

/** Where backups are kept: files under paths like `a/b/c`, each there as a whole or not at all. */
export interface BackupTarget {
  /** In the words of its user. */
  name: string;
  /** Writes a file, which replaces one of that path; returns its size. `aboutBytes`: how large it will be. */
  put(path: string, source: AsyncIterable<Buffer>, aboutBytes?: number): Promise<number>;
  /** Of a file that is not there: an error with the code ENOENT. */
  read(path: string): Readable;
  size(path: string): Promise<number | undefined>;
  list(prefix: string): AsyncIterable<{ path: string; sizeBytes: number }>;
  remove(path: string): Promise<void>;
  /** Removes what killed processes have begun to write; nobody else may be writing. */
  removeUnfinished(): Promise<void>;
  /** Undefined where nobody knows. */
  freeBytes(): Promise<number | undefined>;
}
