import { createInbox } from "@nats-io/transport-node";
import type { LogRow } from "../log/log-row.ts";
import { headersOf, type StreamEnd, type StreamNames } from "./event-stream.ts";
import type { Nats } from "./nats-link.ts";
import { packRows } from "./packed-rows.ts";

/** Publishes messages of rows to the stream of an origin, in their order. */
export interface OrderedPublisher {
  /**
   * Sends all of them at once after the `end` of the stream. Resolves when the stream has them; else what it has is
   * unknown, but it is a beginning of them.
   */
  publish(
    messages: readonly (readonly LogRow[])[],
    end: Pick<StreamEnd, "sequence" | "position">,
    copy: { again: string; partitioning: string },
  ): Promise<void>;
  close(): void;
}

const ackTimeoutMs = 10_000;

/** An answer of JetStream to a message. */
interface Ack {
  seq?: number;
  duplicate?: boolean;
  error?: { description: string };
}

export function orderedPublisher({ connection }: Nats, names: StreamNames, origin: string): OrderedPublisher {
  const inbox = createInbox();
  let batch = 0;
  let onAck: (ack: Ack, index: number) => void = () => {};
  let onClosed: (error: Error) => void = () => {};
  void connection.closed().then(() => onClosed(new Error("the connection to NATS was lost")));
  // One subscription and one timer for a whole batch: a request for each message costs twice as much.
  const subscription = connection.subscribe(`${inbox}.*.*`, {
    callback(error, message) {
      const [of, index] = message?.subject.split(".").slice(-2).map(Number) ?? [];
      if (error || of !== batch) return;
      onAck(
        message.data.length > 0 ? message.json<Ack>() : { error: { description: "nobody has the stream" } },
        index!,
      );
    },
  });

  return {
    publish(messages, { sequence, position = 0 }, copy) {
      const own = ++batch;
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error("JetStream does not acknowledge events")),
          ackTimeoutMs,
        );
        const fail = (error: Error) => {
          clearTimeout(timer);
          reject(error);
        };
        onClosed = fail;
        let acked = 0;
        onAck = ({ seq, duplicate, error }, index) => {
          if (error) return fail(new Error(error.description));
          if (duplicate) return fail(new Repeated());
          if (seq !== sequence + index + 1) return fail(new Error("another writer is in the stream"));
          if (++acked < messages.length) return;
          clearTimeout(timer);
          resolve();
        };
        let previous = position;
        try {
          messages.forEach((rows, i) => {
            const { position: last } = rows.at(-1)!;
            const sent = { origin, position: last, previous, sequence: sequence + i, ...copy };
            const data = packRows(rows);
            connection.publish(names.subject, data, {
              headers: headersOf(names, data, sent),
              reply: `${inbox}.${own}.${i}`,
            });
            previous = Number(last);
          });
        } catch (error) {
          fail(error as Error);
        }
      });
    },
    close: () => subscription.unsubscribe(),
  };
}

/** JetStream has had a message with this id lately, and has not stored this one. */
export class Repeated extends Error {}
