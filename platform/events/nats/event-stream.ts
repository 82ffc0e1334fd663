import {
  DiscardPolicy,
  JetStreamApiError,
  type JsMsg,
  RetentionPolicy,
  StorageType,
  type StoredMsg,
} from "@nats-io/jetstream";
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import type { LogRow } from "../log/log-row.ts";
import { type Partitioning, parsePartitioning } from "../partitions.ts";
import type { Nats } from "./nats-link.ts";
import type { NatsScope } from "./nats-scope.ts";
import { unpackRows } from "./packed-rows.ts";

/**
 * How the events of one database, its origin, stand in JetStream: a stream for each origin, whose only writer is its
 * relay. So the sequence of the next message is known in advance, and a message that is missing makes those after it
 * fail (Nats-Expected-Last-Sequence): the stream has the order of the outbox without a hole, whatever is lost on the
 * way and however many relays there are.
 */
export interface StreamNames {
  stream: string;
  subject: string;
  /** A message there says that there may be new events. */
  wake: string;
  /** A message there asks the relay to copy everything after a position again. */
  refill: string;
  scope: NatsScope;
}

export function namesOf(scope: NatsScope, origin: string): StreamNames {
  return {
    stream: `douya-${scope.name}-${origin}`,
    subject: `douya.${scope.name}.${origin}.events`,
    wake: `douya-wake.${scope.name}.${origin}`,
    refill: `douya-refill.${scope.name}.${origin}`,
    scope,
  };
}

/** Events stay in the outbox for as long, so that a stream that was lost can be filled again. */
const keepDays = 7;
const nanosPerDay = 86_400e9;
const wantedReplicas = 3;
/** `StreamNotFound` */
const notFound = 10059;
/** That there are too few servers, or servers with room: `ClusterNoPeers`, `InsufficientResources`, `StorageResourcesExceeded`, `StreamReplicasNotSupported` */
const tooFew = new Set([10005, 10023, 10047, 10074]);

/** Makes the stream unless it is there; with three replicas where there are servers for them, also later. */
export async function ensureStream({ streams }: Nats, { stream, subject }: StreamNames): Promise<void> {
  try {
    const { config, cluster } = await streams.info(stream);
    if (config.num_replicas < wantedReplicas && cluster?.leader)
      await streams.update(stream, { num_replicas: wantedReplicas }).catch(ignoreTooFew);
    return;
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const add = (replicas: number) =>
    streams.add({
      name: stream,
      subjects: [subject],
      retention: RetentionPolicy.Limits,
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_age: keepDays * nanosPerDay,
      num_replicas: replicas,
    });
  await add(wantedReplicas).catch((error) => {
    ignoreTooFew(error);
    return add(1);
  });
}

function ignoreTooFew(error: unknown): void {
  if (!(error instanceof JetStreamApiError && tooFew.has(error.code))) throw error;
}

function isMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === notFound;
}

const header = {
  /** The position of the last event in the message. */
  position: "Douya-Position",
  /** That of the event before the first, so that a reader knows whether it misses one. */
  previous: "Douya-Previous",
  /** How the partitions came to be, where they were split. */
  partitioning: "Douya-Partitioning",
  /** Of the above, the subject and the events. */
  signature: "Douya-Signature",
} as const;

/** Above this none was ever given out: a position has 48 bits. */
export const maxPosition = 2 ** 47;

/** Says where it ends, so that the events may follow. */
function signedText(subject: string, position: string, previous: string, partitioning: string): string {
  return JSON.stringify([subject, position, previous, partitioning]);
}

/** The headers of a message. `again` tells copies of one position apart, which JetStream else takes for repetitions. */
export function headersOf(
  { subject, scope }: StreamNames,
  data: Uint8Array,
  sent: {
    origin: string;
    position: string;
    previous: number;
    sequence: number;
    again: string;
    /** By formatPartitioning; empty where the partitions were not split. */
    partitioning: string;
  },
): MsgHdrs {
  const all = headers();
  all.set("Nats-Msg-Id", `${sent.origin}.${sent.position}${sent.again}`);
  all.set("Nats-Expected-Last-Sequence", String(sent.sequence));
  all.set(header.position, sent.position);
  all.set(header.previous, String(sent.previous));
  if (sent.partitioning) all.set(header.partitioning, sent.partitioning);
  const signed = signedText(subject, sent.position, String(sent.previous), sent.partitioning);
  all.set(header.signature, scope.signer.sign(signed, data));
  return all;
}

/** What a message says of its events. */
interface MessageHead {
  position: number;
  previous: number;
  /** Undefined where the partitions were not split. */
  partitioning: readonly Partitioning[] | undefined;
}

/** Undefined for what no relay of this installation has written. */
export function readHead(
  { subject, scope }: StreamNames,
  message: JsMsg | StoredMsg,
): MessageHead | undefined {
  const all = "header" in message ? message.header : message.headers;
  const position = all?.get(header.position) ?? "";
  const previous = all?.get(header.previous) ?? "";
  if (!/^\d{1,15}$/.test(position) || !/^\d{1,15}$/.test(previous)) return undefined;
  if (Number(position) > maxPosition) return undefined;
  const partitions = all?.get(header.partitioning) ?? "";
  const signature = all?.get(header.signature) ?? "";
  const isOurs = signature
    ? scope.signer.isSigned(signedText(subject, position, previous, partitions), signature, message.data)
    : scope.unsigned;
  if (!isOurs) return undefined;
  const partitioning = parsePartitioning(partitions);
  return { position: Number(position), previous: Number(previous), partitioning };
}

/** An event as it came from the stream. */
export interface StreamedRow {
  position: number;
  /** The position of the event before it. */
  previous: number;
  row: LogRow;
}

/** Undefined for what no relay of this installation has written. */
export function readMessage(
  names: StreamNames,
  message: JsMsg,
): (MessageHead & { rows: StreamedRow[] }) | undefined {
  const head = readHead(names, message);
  const unpacked = head && unpackRows(message.data);
  if (!unpacked) return undefined;
  let { previous } = head;
  const rows = unpacked.map((row) => {
    const streamed = { position: Number(row.position), previous, row };
    previous = streamed.position;
    return streamed;
  });
  return { ...head, rows };
}

/** What the stream has last. */
export interface StreamEnd {
  /** When it was made. */
  created: string;
  /** The sequence of its last message. */
  sequence: number;
  /** The position of the last event in it; undefined while there is none. */
  position: number | undefined;
  /** As that event says. */
  partitioning?: readonly Partitioning[] | undefined;
  /** It has no message, be it of whomever. */
  isEmpty?: boolean;
}

/** How many messages that are no events may be at the end. */
const strangersExamined = 100;

export async function readEnd({ streams }: Nats, names: StreamNames): Promise<StreamEnd> {
  const { stream } = names;
  const { created, state } = await streams.info(stream);
  const { last_seq: last, first_seq: first, messages } = state;
  const end = { created, sequence: last, position: undefined };
  if (messages === 0) return { ...end, isEmpty: true };
  for (const sequence of downwards(last, first)) {
    const message = await streams.getMessage(stream, { seq: sequence });
    const found = message && readHead(names, message);
    if (found) return { ...end, position: found.position, partitioning: found.partitioning };
  }
  return end;
}

/** Each of the last ones, then fewer and fewer: whoever floods the stream has not everything copied again. */
function* downwards(last: number, first: number): Generator<number> {
  for (let back = 0; last - back > first; back += Math.max(1, back - strangersExamined)) yield last - back;
  yield first;
}

export async function lastSequence({ streams }: Nats, { stream }: StreamNames): Promise<number> {
  return (await streams.info(stream)).state.last_seq;
}
