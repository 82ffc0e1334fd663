import { AckPolicy, type ConsumerMessages, DeliverPolicy, type JsMsg } from "@nats-io/jetstream";
import type { StreamNames } from "./event-stream.ts";
import type { Nats } from "./nats-link.ts";

/** Reads a stream from a sequence on, without leaving anything out. It ends with the connection, or when told. */
export interface StreamCursor {
  /** Iterates until the cursor is closed. Error: when the server may have left something out. */
  messages: AsyncIterable<JsMsg>;
  close(): Promise<void>;
}

/** The server forgets a cursor that nobody has asked for more for so long. */
const forgottenMs = 30_000;
/** Of a quarter of a megabyte at most. */
const atOnce = 100;
/** A request that brings nothing ends after this, with two heartbeats on the way. */
const expiresMs = 4_000;
const nanosPerMs = 1e6;
/** What says that the server may have forgotten the cursor, or the stream. */
const trouble = new Set([
  "heartbeats_missed",
  "consumer_not_found",
  "stream_not_found",
  "consumer_deleted",
  "no_responders",
  "exceeded_limits",
]);

export async function openCursor(
  nats: Nats,
  { stream }: StreamNames,
  sequence: number,
): Promise<StreamCursor> {
  const info = await nats.manager.consumers.add(stream, {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(1, sequence),
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: forgottenMs * nanosPerMs,
  });
  const consumer = nats.client.consumers.getConsumerFromInfo(info);
  const messages = await consumer.consume({
    max_messages: atOnce,
    expires: expiresMs,
    idle_heartbeat: 1_000,
  });
  let failure: Error | undefined;
  void watch(messages, (what) => {
    failure = new Error(`the stream cannot be read on: ${what}`);
    messages.stop(failure);
  });
  void nats.connection.closed().then(() => messages.stop());

  async function* checked(): AsyncGenerator<JsMsg> {
    let delivered = 0;
    for await (const message of messages) {
      if (message.info.deliverySequence !== ++delivered) throw new Error("a message was lost on the way");
      yield message;
    }
    if (failure) throw failure;
  }
  return {
    messages: checked(),
    async close() {
      messages.stop();
      if (!nats.connection.isClosed()) await consumer.delete().catch(() => {});
    },
  };
}

async function watch(messages: ConsumerMessages, onTrouble: (what: string) => void): Promise<void> {
  for await (const { type } of messages.status()) if (trouble.has(type)) onTrouble(type);
}
