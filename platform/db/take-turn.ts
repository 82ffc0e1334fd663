import { sql } from "kysely";
import type { DomainError } from "../errors/domain-error.ts";
import type { Queryable } from "./database.ts";

const waitMs = 5_000;

/** Takes a lock of this database until the transaction ends; `lock` is any number that nobody else uses. Error: `busy`. */
export async function takeTurn(
  // biome-ignore lint/suspicious/noExplicitAny: of whichever tables.
  on: Queryable<any>,
  lock: number,
  busy: () => DomainError,
): Promise<void> {
  await sql`
    select pg_advisory_xact_lock(${lock})
    from (select set_config('lock_timeout', ${`${waitMs}`}, true) offset 0) limited`
    .execute(on)
    .catch((error) => {
      throw error.code === "55P03" ? busy() : error;
    });
}
