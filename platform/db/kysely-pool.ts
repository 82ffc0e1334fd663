import type { PostgresPool, PostgresPoolClient } from "kysely";
import type pg from "pg";
import { isDiskFull } from "../errors/disk-full.ts";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";
import { acquire, cancelOnAbort } from "./cancellable-connection.ts";
import { askServer, isFull, noSlot, requireRoom } from "./pool-room.ts";
import { isStalePlan, type PreparedStatements } from "./prepared-statements.ts";
import { notReplicated } from "./primary-client.ts";
import { retryOnDeadlock } from "./retry.ts";
import { answerTimeoutAfter } from "./statement-timeout.ts";

/** Codes of the system when nobody answers, and of PostgreSQL while it starts or stops. */
const lostCodes = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EHOSTUNREACH"],
  ...["57P01", "57P02", "57P03", noSlot, "25P03"],
  // Read only: the server became a replica, or always was one.
  "25006",
]);
/** Errors of the driver itself, which have no code. */
const lostMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a|Client was closed|Query read timeout)/;
const noAnswer = "Query read timeout";
/** What a statement must begin with to change nothing. */
const reads = /^(select|show|set|begin|start|explain)\b/i;

/**
 * Pools for Kysely over the one of the process, each with the signal that ends its statements. Errors are mapped: BUSY
 * when others have all connections, DATABASE_UNAVAILABLE when the connection is lost, COMMIT_UNKNOWN when it is lost in a commit or in a single statement
 * that writes, DISK_FULL, and the signal's reason. Statements that repeat are prepared once per connection. A statement
 * outside a transaction is retried after a deadlock, like `inTransaction`.
 */
export function kyselyPool(
  pool: pg.Pool,
  prepared: PreparedStatements,
  log: Logger,
): (signal?: AbortSignal) => PostgresPool {
  const throwMapped = (error: Error & { code?: unknown }, isCommit = false) => {
    throw mapError(error, isCommit, log);
  };
  const isThere = askServer(pool);
  return (signal) => ({
    async connect() {
      requireRoom(pool);
      const client = await acquire(pool, signal).catch(async (error) => {
        if (await isFull(error, isThere)) throw Object.assign(refusal("BUSY"), { cause: error });
        return throwMapped(error);
      });
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
            if (error.message === noAnswer || error.code === "25006")
              (client as unknown as pg.Client).end().catch(() => {});
            // The connection is closed, so the server rolls back. What went wrong before is what the caller gets.
            if (isLost(error) && /^rollback$/i.test(text)) return { rows: [] };
            return throwMapped(error, alone ? !reads.test(text.trimStart()) : /^commit$/i.test(text));
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

function mapError(error: Error & { code?: unknown }, isCommit: boolean, log: Logger): Error {
  if (isDiskFull(error)) {
    log.error({ err: error }, "the database's disk is full");
    return Object.assign(refusal("DISK_FULL"), { cause: error });
  }
  if (isCommit && (isLost(error) || error.code === notReplicated))
    return Object.assign(refusal("COMMIT_UNKNOWN"), { cause: error });
  if (!isLost(error) && !isStalePlan(error)) return error;
  return Object.assign(refusal("DATABASE_UNAVAILABLE"), { cause: error });
}

/** What a module would get when there is no connection. */
export function connectError(error: Error): Error {
  return isLost(error) ? Object.assign(refusal("DATABASE_UNAVAILABLE"), { cause: error }) : error;
}

function isLost({ message, code: given }: Error & { code?: unknown }): boolean {
  // The reason of a signal has a code that is a number.
  const code = typeof given === "string" ? given : "";
  return lostCodes.has(code) || code.startsWith("08") || lostMessages.test(message);
}
