import { create, toBinary } from "@bufbuild/protobuf";
import { sql } from "kysely";
import { type Kysely, type Transaction, traceOf } from "../../db/database.ts";
import { afterCommit, inTransaction } from "../../db/transaction.ts";
import { newTraceId } from "../../observe/trace-context.ts";
import type { Emit } from "../event-type.ts";
import { partitionHash } from "../partitions.ts";

/** Collects the events of a transaction until its end. */
export interface Outbox {
  emit: Emit;
  /** Writes the emitted events, in one statement; calls `onEmitted` after the commit if there are any. */
  flush(transaction: Transaction<unknown>, onEmitted?: () => void): Promise<void>;
}

/** Events that name no trace happen in `trace`, or else in a new one. */
export function createOutbox(trace = newTraceId()): Outbox {
  const columns = {
    hashes: [] as number[],
    types: [] as string[],
    keys: [] as string[],
    payloads: [] as Uint8Array[],
    traceIds: [] as string[],
  };
  return {
    emit(type, init, traceId = trace) {
      const message = create(type.schema, init);
      const key = type.key(message);
      columns.hashes.push(partitionHash(key));
      columns.types.push(type.name);
      columns.keys.push(key);
      columns.payloads.push(toBinary(type.schema, message));
      columns.traceIds.push(traceId);
    },
    async flush(transaction, onEmitted) {
      const { hashes, types, keys, payloads, traceIds } = columns;
      if (types.length === 0) return;
      await sql`select events.append_on_timeline(${hashes}::int8[], ${types}::text[], ${keys}::text[],
        ${payloads}::bytea[], ${traceIds}::text[])`.execute(transaction);
      if (onEmitted) afterCommit(transaction, onEmitted);
    },
  };
}

/** `Events.transaction`. Commands, which have no consumers to wake, call it directly. */
export function transactionWithEvents<Tables, Result>(
  db: Kysely<Tables>,
  work: (transaction: Transaction<Tables>, emit: Emit) => Promise<Result>,
  onEmitted?: () => void,
): Promise<Result> {
  return inTransaction(db, async (transaction) => {
    const outbox = createOutbox(traceOf(db));
    const result = await work(transaction, outbox.emit);
    await outbox.flush(transaction as unknown as Transaction<unknown>, onEmitted);
    return result;
  });
}
