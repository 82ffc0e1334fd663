import type { LogRow } from "../log/log-row.ts";

/**
 * Several events in one message, because a message costs the server, the relay and each reader more than the event in it:
 * the length of the head, the head in JSON (one list for each event), and the payloads one after another.
 */
type Head = [
  partition: number,
  position: string,
  type: string,
  key: string,
  traceId: string | null,
  atMs: number,
  payloadBytes: number,
];

const mostRows = 250;
/** A fourth of what a server takes that was not told otherwise. */
const mostBytes = 262_144;
/** What of a row is not its payload, roughly. */
const headBytes = 200;
const lengthBytes = 4;

/** Shares rows out to messages, in their order, for a server that takes messages of at most `maxPayload` bytes. */
export function intoMessages(rows: readonly LogRow[], maxPayload = 4 * mostBytes): LogRow[][] {
  const most = Math.min(mostBytes, maxPayload / 2);
  const messages: LogRow[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const row of rows) {
    const size = headBytes + row.key.length + row.payload.length;
    if (bytes + size > most || messages.at(-1)!.length === mostRows) {
      messages.push([]);
      bytes = 0;
    }
    messages.at(-1)!.push(row);
    bytes += size;
  }
  return messages;
}

export function packRows(rows: readonly LogRow[]): Buffer {
  const head = rows.map(
    ({ partition, position, type, key, trace_id, at, payload }): Head => [
      ...([partition, position, type, key, trace_id] as const),
      ...([at.getTime(), payload.length] as const),
    ],
  );
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, ...rows.map(({ payload }) => payload)]);
}

/** Undefined for what packRows has not written. */
export function unpackRows(data: Uint8Array): LogRow[] | undefined {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  try {
    let at = lengthBytes + bytes.readUInt32BE();
    const head: Head[] = JSON.parse(bytes.toString("utf8", lengthBytes, at));
    const rows = head.map(([partition, position, type, key, trace_id, atMs, payloadBytes]) => {
      const payload = bytes.subarray(at, at + payloadBytes);
      at += payloadBytes;
      return { partition, position, type, key, payload, trace_id, at: new Date(atMs) };
    });
    return at === bytes.length ? rows : undefined;
  } catch {
    return undefined;
  }
}
