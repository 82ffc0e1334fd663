import { Readable } from "node:stream";
import type pg from "pg";

/** Parts of the driver that its types leave out. */
type Inner = { connection: pg.Connection };

/** So many messages are read ahead. */
const ahead = 64;
/** Longest delay of a timer: a large database takes as long as it takes. */
const longestMs = 2 ** 31 - 1;

/**
 * Runs a command of the replication protocol that answers with copied data: its messages, and the rows that come before and
 * after them, each as texts. Who reads slowly slows the server down.
 */
export function copyOut(session: pg.Client | pg.PoolClient, text: string) {
  const { connection } = session as unknown as Inner;
  const rows: (string | null)[][] = [];
  const messages = new Readable({
    objectMode: true,
    highWaterMark: ahead,
    read: () => void connection.stream.resume(),
  });
  const command = {
    query_timeout: longestMs,
    submit: () => connection.query(text),
    handleRowDescription() {},
    handleDataRow: ({ fields }: { fields: (Buffer | string | null)[] }) =>
      void rows.push(fields.map((field) => field?.toString() ?? null)),
    handleCommandComplete() {},
    handleEmptyQuery() {},
    handlePortalSuspended() {},
    handleCopyData({ chunk }: { chunk: Buffer }) {
      // The driver writes the next messages into the same memory.
      if (!messages.push(Buffer.from(chunk))) connection.stream.pause();
    },
    handleReadyForQuery() {
      // Nothing more is read from here, and the next command wants its answer.
      connection.stream.resume();
      messages.push(null);
    },
    handleError: (error: Error) => void messages.destroy(error),
    callback: () => {},
  };
  // The driver has put in another one, which ends its timer.
  messages.once("close", () => command.callback());
  session.query(command as unknown as pg.Submittable);
  return { messages: messages as AsyncIterable<Buffer> & Readable, rows };
}
