import type { Kysely, Transaction } from "../db/database.ts";
import { createOutbox } from "./append.ts";
import type { Emit } from "./event-type.ts";

/** The durable log of what happened, through which modules tell each other. */
export interface Events {
  /**
   * A transaction in which facts and the events that tell of them commit together or not at all. Events are
   * written at its end, after every lock on its facts was taken: so two transactions that wait for each other
   * (for a row, a unique key) put their events in the order of their facts. Whoever needs order per key must
   * therefore change or lock a row of that key, as counting does anyway.
   */
  transaction<Tables, Result>(
    db: Kysely<Tables>,
    work: (transaction: Transaction<Tables>, emit: Emit) => Promise<Result>,
  ): Promise<Result>;
}

export function createEvents(): Events {
  return {
    transaction: (db, work) =>
      db.transaction().execute(async (transaction) => {
        const outbox = createOutbox();
        const result = await work(transaction, outbox.emit);
        await outbox.flush(transaction as Transaction<unknown>);
        return result;
      }),
  };
}
