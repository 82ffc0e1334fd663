const encoder = new TextEncoder();
const decoder = new TextDecoder();

export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const textOf = (bytes: Uint8Array): string => decoder.decode(bytes);

/** The range of all keys that begin with `prefix`. */
export function rangeOf(prefix: string): { key: Uint8Array; rangeEnd: Uint8Array } {
  const rangeEnd = bytesOf(prefix);
  // No key of ours ends with the largest byte.
  rangeEnd[rangeEnd.length - 1]! += 1;
  return { key: bytesOf(prefix), rangeEnd };
}
