import type { PostgresPool, PostgresPoolClient } from "kysely";
import type pg from "pg";
import { diskFull, isDiskFull } from "../errors/disk-full.ts";
import { DomainError } from "../errors/domain-error.ts";
import type { Logger } from "../observe/log.ts";
import { borrow, endWith } from "./lent-connection.ts";
import { maxNames, statementNames } from "./statement-names.ts";
import { despiteDeadlocks } from "./try-again.ts";

/** What the system says when nobody answers, and PostgreSQL when it is going or not yet there. */
const lostCodes = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ENOENT", "EPIPE", "ETIMEDOUT", "ENOTFOUND", "EHOSTUNREACH"],
  ...["57P01", "57P02", "57P03", "53300", "25P03"],
]);
/** What the driver says itself, without a code. */
const lostMessages =
  /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a)/;

/**
 * Pools for Kysely over the one of the process, each with the signal that ends its statements. Errors are
 * DATABASE_UNAVAILABLE when it is the connection that is lost, DISK_FULL, and the signal's reason. Statements that repeat
 * are planned once per connection; those that are a transaction of their own are done again after a deadlock, like
 * those of `inTransaction`.
 */
export function honestPool(pool: pg.Pool, log: Logger): (signal?: AbortSignal) => PostgresPool {
  const refuse = (error: Error & { code?: unknown }) => throwHonestly(error, log);
  const names = statementNames();
  /** What each connection has a plan for. */
  const planned = new WeakMap<pg.PoolClient, Set<string>>();

  async function run(client: pg.PoolClient, text: string, values: unknown[] = []): Promise<unknown> {
    const name = values.length > 0 ? names.of(text) : undefined;
    if (name === undefined) return client.query(text, values);
    note(client, name);
    try {
      return await client.query({ name, text, values });
    } catch (error) {
      if (!isStale(error)) throw error;
      names.renew(text);
      // Within a transaction it is too late, which ends with this error; the next one has the new plan.
      return client.query({ name: names.of(text)!, text, values }).catch(() => {
        throw error;
      });
    }
  }

  function note(client: pg.PoolClient, name: string): void {
    const plans = planned.get(client);
    if (plans) plans.add(name);
    else planned.set(client, new Set([name]));
  }

  return (signal) => ({
    async connect() {
      const client = await borrow(pool, signal).catch(refuse);
      const statement = endWith(signal, client);
      return {
        query(text: string, values?: unknown[]) {
          const once = () => statement(text, () => run(client, text, values));
          const alone = client.getTransactionStatus() === "I";
          return (alone ? despiteDeadlocks(once) : once()).catch(refuse);
        },
        release() {
          // A connection forgets the plans of dropped names only with itself.
          const full = (planned.get(client)?.size ?? 0) > maxNames * 2;
          // Whoever has it next must not find themselves in a transaction that could not be rolled back.
          client.release(full || client.getTransactionStatus() !== "I");
        },
      } as unknown as PostgresPoolClient;
    },
    end: () => pool.end(),
  });
}

/** A migration that ran beside us has changed the columns that a plan was made for. */
function isStale(error: unknown): boolean {
  const { code, message = "" } = error as { code?: string; message?: string };
  return code === "0A000" && message.startsWith("cached plan must not change result type");
}

function throwHonestly(error: Error & { code?: unknown }, log: Logger): never {
  if (isDiskFull(error)) {
    log.error({ err: error }, "the database's disk is full");
    throw Object.assign(diskFull(), { cause: error });
  }
  const { message } = error;
  // That of a signal's reason may be a number.
  const code = typeof error.code === "string" ? error.code : "";
  if (!isStale(error) && !lostCodes.has(code) && !code.startsWith("08") && !lostMessages.test(message))
    throw error;
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
