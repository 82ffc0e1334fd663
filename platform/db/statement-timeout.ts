import { sql, type Transaction } from "kysely";

/** Longest delay of a timer. */
const longestMs = 2 ** 31 - 1;
/** More than the server's own timeout, so that its error comes first. */
const extraMs = 5_000;
const setTimeoutText = "select set_config('statement_timeout', $1, true)";

/** Lets the statements of a transaction take longer than those of a request may; 0: as long as they need. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
export async function setStatementTimeout(on: Transaction<any>, timeoutMs: number): Promise<void> {
  await sql`select set_config('statement_timeout', ${String(timeoutMs)}, true)`.execute(on);
}

/**
 * How long the answer to a statement that follows this one is awaited, when it sets the timeout or ends the transaction
 * for which it was set (undefined: as long as usual). Otherwise what it was before.
 */
export function answerTimeoutAfter(
  before: number | undefined,
  text: string,
  values: readonly unknown[] = [],
): number | undefined {
  if (text === setTimeoutText) return Number(values[0]) === 0 ? longestMs : Number(values[0]) + extraMs;
  return /^(commit|rollback)$/i.test(text) ? undefined : before;
}
