/** The number of members that can share the work of a group. It never changes, which would break the order per key. The SQL in migrations.ts repeats it. */
export const partitionCount = 16;

/** The partition of a key, by FNV-1a: the same in every version and on every machine. */
export function partitionOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  // The low bits of FNV-1a are weak for short keys.
  return ((hash ^ (hash >>> 16)) >>> 0) % partitionCount;
}
