import type { PostgresPool, PostgresPoolClient } from "kysely";
import { onAbort } from "../protect/on-abort.ts";
import { acquire, cancelOnAbort } from "./cancellable-connection.ts";
import type { PreparedStatements } from "./prepared-statements.ts";
import type { Position, Replica } from "./replica.ts";
import type { Replicas } from "./replicas.ts";

/** How long a read waits for a connection to a replica: the primary answers sooner than a replica with slow reads. */
const acquireMs = 100;

/**
 * A pool for Kysely that asks replicas where it can: a query outside of a transaction goes to one that has replayed
 * everything committed so far. Everything else, and whatever a replica cannot answer, goes to `primary`.
 */
export function readingPool(
  primary: PostgresPool,
  options: { replicas: Replicas; prepared: PreparedStatements; signal: AbortSignal | undefined },
): PostgresPool {
  const { replicas, prepared, signal } = options;
  return {
    async connect() {
      let own: PostgresPoolClient | undefined;
      return {
        async query(text: string, values?: unknown[]) {
          if (!own && mayOnlyRead(text)) {
            const chosen = await replicas.choose();
            const answer = chosen && (await askReplica(chosen, text, values).catch(noAnswer));
            if (answer) return answer;
            signal?.throwIfAborted();
          }
          own ??= await primary.connect();
          return own.query(text, values as never);
        },
        release() {
          own?.release();
        },
      } as unknown as PostgresPoolClient;
    },
    end: () => primary.end(),
  };

  /** Undefined when it has not replayed enough, and would not in a moment. */
  async function askReplica(
    { replica, position }: { replica: Replica; position: Position },
    text: string,
    values: unknown[] | undefined,
  ): Promise<unknown> {
    const { gone, pool } = replica;
    if (pool.waitingCount >= pool.options.max) return undefined;
    const acquiring = acquire(pool, signal);
    const client = await untilGone(gone, soon(acquiring)).catch((error) => {
      acquiring.then(
        (late) => late.release(gone.aborted),
        () => {},
      );
      throw error;
    });
    let left = false;
    try {
      if (!(await untilGone(gone, replica.reaches(position)))) return undefined;
      const send = cancelOnAbort(signal, client);
      const answer = send(text, () => prepared.run(client, text, values));
      return await untilGone(gone, answer);
    } catch (error) {
      left = gone.aborted;
      throw error;
    } finally {
      // A connection to a silent server is of no use to anybody.
      client.release(left || prepared.isFull(client));
    }
  }

  /** Its error says nothing about the statement: the primary's will. */
  function noAnswer(): undefined {
    signal?.throwIfAborted();
    return undefined;
  }
}

/** What writes all the same is refused by the replica and goes to the primary: its connections are read-only. */
function mayOnlyRead(text: string): boolean {
  return /^(select|with)\b/i.test(text.trimStart());
}

function soon<T>(acquiring: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no connection to the replica is free")), acquireMs);
    acquiring.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function untilGone<T>(gone: AbortSignal, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = onAbort(gone, () => reject(gone.reason));
    answer.then(resolve, reject).finally(stop);
  });
}
