import { AckPolicy, type Consumer, DeliverPolicy } from "@nats-io/jetstream";
import type { Partitioning } from "../partitions.ts";
import { readHead, readMessage, type StreamNames } from "./event-stream.ts";
import type { Nats } from "./nats-link.ts";
import { askForRefill } from "./refill.ts";
import { createWindow, type Window } from "./window.ts";

/** Reads a stream for a group that is behind. */
export interface CatchUp {
  /**
   * Events after a position. Undefined while the stream does not have what comes next: then its relay has been asked to
   * copy it again.
   */
  after(position: number): Promise<Window | undefined>;
}

/** Of some hundred events each. */
const messagesAtOnce = 50;
/** The least that is possible. Only messages that are there are asked for, so it passes only when one was lost. */
const expiresMs = 1_000;
const forgottenMs = 30_000;
/** A group that waits looks much more often. */
const askEveryMs = 500;
const nanosPerMs = 1e6;

export function createCatchUp(
  nats: Nats,
  names: StreamNames,
  /** Called with how the partitions came to be, as events say. */
  onPartitioning: (history: readonly Partitioning[] | undefined) => void,
): CatchUp {
  /** Reads on from where the window ends. */
  let cursor: { consumer: Consumer; pending: number; delivered: number } | undefined;
  let window: Window | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;

  /** Unless there is more to read by now: then what is missing may be in it. */
  async function ask({ consumer }: NonNullable<typeof cursor>, position: number): Promise<void> {
    if (performance.now() - askedAtMs < askEveryMs) return;
    const { created, state } = await nats.streams.info(names.stream);
    if ((await consumer.info()).num_pending > 0) return;
    askForRefill(nats, names, position, { created, sequence: state.last_seq });
    askedAtMs = performance.now();
  }

  async function seek(position: number): Promise<NonNullable<typeof cursor>> {
    const info = await nats.manager.consumers.add(names.stream, {
      ack_policy: AckPolicy.None,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: await sequenceAfter(nats, names, position),
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: forgottenMs * nanosPerMs,
    });
    const consumer = nats.client.consumers.getConsumerFromInfo(info);
    return { consumer, pending: info.num_pending, delivered: 0 };
  }

  async function read(from: NonNullable<typeof cursor>, into: Window): Promise<void> {
    if (from.pending === 0) from.pending = (await from.consumer.info()).num_pending;
    if (from.pending === 0) return;
    const wanted = Math.min(messagesAtOnce, from.pending);
    const deliveredUntil = from.delivered + wanted;
    const fetched = await from.consumer.fetch({ max_messages: wanted, expires: expiresMs });
    for await (const message of fetched) {
      if (message.info.deliverySequence !== ++from.delivered)
        throw new Error("a message was lost on the way");
      from.pending = message.info.pending;
      const read = readMessage(names, message);
      // What follows a hole is left out, until the relay has copied all of it again.
      if (!read) continue;
      onPartitioning(read.partitioning);
      for (const event of read.rows) into.add(event);
    }
    // Some were removed meanwhile.
    if (from.delivered < deliveredUntil) from.pending = 0;
  }

  return {
    async after(position) {
      if (window?.covers(position)) return window;
      try {
        if (!cursor || window?.upTo !== position) cursor = await seek(position);
        window = createWindow(position);
        await read(cursor, window);
        if (window.upTo > position) return window;
        if (cursor.pending === 0) await ask(cursor, position);
      } catch (error) {
        cursor = undefined;
        throw error;
      }
      return undefined;
    },
  };
}

/**
 * The sequence from which to read what comes after a position. Where a relay has copied something again, positions go
 * back; then any place will do from which they go on.
 */
async function sequenceAfter({ streams }: Nats, names: StreamNames, position: number): Promise<number> {
  const { stream } = names;
  const { state } = await streams.info(stream);
  let low = state.first_seq - 1;
  let high = state.last_seq + 1;
  // At `low` there is no later event than the position, at `high` there is.
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    const message = await streams.getMessage(stream, { seq: middle });
    const event = message && readHead(names, message);
    if (event && event.position > position) high = middle;
    else low = middle;
  }
  return Math.max(1, high);
}
