import type { PostgresPool, PostgresPoolClient } from "kysely";
import type pg from "pg";
import { isDiskFull } from "../errors/disk-full.ts";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";
import { acquire, cancelOnAbort } from "./cancellable-connection.ts";
import { isStalePlan, preparedStatements } from "./prepared-statements.ts";
import { retryOnDeadlock } from "./retry.ts";
import { answerTimeoutAfter } from "./statement-timeout.ts";

/** Codes of the system when nobody answers, and of PostgreSQL while it starts or stops. */
const lostCodes = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EHOSTUNREACH"],
  ...["57P01", "57P02", "57P03", "53300", "25P03"],
]);
/** Errors of the driver itself, which have no code. */
const lostMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a|Client was closed|Query read timeout)/;
const noAnswer = "Query read timeout";

/**
 * Pools for Kysely over the one of the process, each with the signal that ends its statements. Errors are mapped:
 * DATABASE_UNAVAILABLE when the connection is lost, DISK_FULL, and the signal's reason. Statements that repeat are
 * prepared once per connection. A statement outside a transaction is retried after a deadlock, like `inTransaction`.
 */
export function kyselyPool(pool: pg.Pool, log: Logger): (signal?: AbortSignal) => PostgresPool {
  const throwMapped = (error: Error & { code?: unknown }) => {
    throw mapError(error, log);
  };
  const prepared = preparedStatements();
  return (signal) => ({
    async connect() {
      const client = await acquire(pool, signal).catch(throwMapped);
      const cancellable = cancelOnAbort(signal, client);
      let timeoutMs: number | undefined;
      return {
        query(text: string, values?: unknown[]) {
          const awaitMs = timeoutMs;
          timeoutMs = answerTimeoutAfter(timeoutMs, text, values);
          const once = () => cancellable(text, () => prepared.run(client, text, values, awaitMs));
          const alone = client.getTransactionStatus() === "I";
          return (alone ? retryOnDeadlock(once) : once()).catch((error) => {
            // Its answer may still come, and would be taken for that of the next statement's transaction.
            if (error.message === noAnswer) (client as unknown as pg.Client).end().catch(() => {});
            return throwMapped(error);
          });
        },
        release() {
          // The next user must not get a connection in a transaction that could not be rolled back.
          client.release(prepared.isFull(client) || client.getTransactionStatus() !== "I");
        },
      } as unknown as PostgresPoolClient;
    },
    end: () => pool.end(),
  });
}

function mapError(error: Error & { code?: unknown }, log: Logger): Error {
  if (isDiskFull(error)) {
    log.error({ err: error }, "the database's disk is full");
    return Object.assign(refusal("DISK_FULL"), { cause: error });
  }
  const { message } = error;
  // The reason of a signal has a code that is a number.
  const code = typeof error.code === "string" ? error.code : "";
  const lost = lostCodes.has(code) || code.startsWith("08") || lostMessages.test(message);
  if (!lost && !isStalePlan(error)) return error;
  const unavailable = refusal("DATABASE_UNAVAILABLE");
  return Object.assign(unavailable, { cause: error });
}
