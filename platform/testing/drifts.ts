import type { Database } from "../db/database.ts";
import { type KeptCount, recount } from "../db/recount.ts";

/** The counts of a module that differ from their facts. */
export async function drifts(database: Database, counts: readonly KeptCount[]): Promise<string[]> {
  const options = { statementTimeoutMs: 20_000, onStart: () => {} };
  const done = await recount(database, [{ name: "", counts }], options);
  return done
    .filter((one) => one.drifts > 0)
    .map(({ what, first }) => `${what}: ${first.map((one) => `${one.key} ${one.kept}/${one.facts}`)}`);
}
