import type { PostgresPool, PostgresPoolClient } from "kysely";
import type pg from "pg";
import { DomainError } from "../errors/domain-error.ts";

/** What the system says when nobody answers, and PostgreSQL when it is going or not yet there. */
const lostCodes = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EHOSTUNREACH"],
  ...["57P01", "57P02", "57P03", "53300", "25P03"],
]);
/** What the driver says itself, without a code. */
const lostMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a)/;

/** The pool for Kysely, whose errors are DATABASE_UNAVAILABLE when it is the connection that is lost. */
export function honestPool(pool: pg.Pool): PostgresPool {
  return {
    async connect() {
      const client = await pool.connect().catch(refuse);
      return {
        query: (...args: [never]) => (client.query(...args) as unknown as Promise<unknown>).catch(refuse),
        release: () => client.release(),
      } as unknown as PostgresPoolClient;
    },
    end: () => pool.end(),
  };
}

function refuse(error: Error & { code?: string }): never {
  const { code = "", message } = error;
  if (!lostCodes.has(code) && !code.startsWith("08") && !lostMessages.test(message)) throw error;
  throw Object.assign(
    new DomainError(
      "unavailable",
      "DATABASE_UNAVAILABLE",
      "The database cannot be reached right now. Try again in a moment.",
      1000,
    ),
    { cause: error },
  );
}
