import { LRUCache } from "lru-cache";
import type pg from "pg";
import { arrayLiteral } from "./array-literal.ts";

/** A statement that came so often will come again. */
const repeats = 10;
/** Each connection keeps their plans, and for a while those of names that were dropped. */
const maxNames = 200;
/** Texts with a variable number of values come and go. */
const maxCounted = 1000;
/** Longer texts are such, and not worth keeping on every connection. */
const maxTextChars = 20_000;

export interface PreparedStatements {
  /** Runs a statement, prepared when it repeats. Its answer is awaited as long as usual for the pool, or `timeoutMs`. */
  run(client: pg.PoolClient, text: string, values?: unknown[], timeoutMs?: number): Promise<unknown>;
  /** Whether a connection keeps so many plans of dropped names that it should be closed: it forgets them only then. */
  isFull(client: pg.PoolClient): boolean;
}

/**
 * Prepares statements that repeat, since planning one of ours costs PostgreSQL as much as running it. PostgreSQL still
 * decides whether one plan fits all values (plan_cache_mode). Beyond `maxNames` the least recently used loses its name,
 * which is never given again.
 */
export function preparedStatements(): PreparedStatements {
  const names = new LRUCache<string, string>({ max: maxNames });
  const seen = new Map<string, number>();
  const preparedOn = new WeakMap<pg.PoolClient, Set<string>>();
  let namesGiven = 0;

  function nameOf(text: string): string | undefined {
    const name = names.get(text);
    if (name !== undefined || text.length > maxTextChars) return name;
    const times = (seen.get(text) ?? 0) + 1;
    if (times < repeats) {
      if (seen.size >= maxCounted) seen.clear();
      seen.set(text, times);
      return undefined;
    }
    seen.delete(text);
    return rename(text);
  }

  function rename(text: string): string {
    const name = `douya-${++namesGiven}`;
    names.set(text, name);
    return name;
  }

  return {
    async run(client, text, given = [], timeoutMs) {
      const values = given.map((value) => (Array.isArray(value) ? (arrayLiteral(value) ?? value) : value));
      const send = (name?: string) =>
        client.query({ name, text, values, query_timeout: timeoutMs } as pg.QueryConfig);
      const name = values.length > 0 ? nameOf(text) : undefined;
      if (name === undefined) return send();
      const prepared = preparedOn.get(client);
      if (prepared) prepared.add(name);
      else preparedOn.set(client, new Set([name]));
      try {
        return await send(name);
      } catch (error) {
        if (!isStalePlan(error)) throw error;
        if (names.has(text)) rename(text);
        // Within a transaction this fails too, and the error ends it; the next one has the new plan.
        return send(nameOf(text)).catch(() => {
          throw error;
        });
      }
    },
    isFull: (client) => (preparedOn.get(client)?.size ?? 0) > maxNames * 2,
  };
}

/** A concurrent migration changed the columns that the plan was made for. */
export function isStalePlan(error: unknown): boolean {
  const { code, message = "" } = error as { code?: string; message?: string };
  return code === "0A000" && message.startsWith("cached plan must not change result type");
}
