import { LRUCache } from "lru-cache";

/** A statement that has come so often will come again. */
const repeats = 10;
/** Each connection keeps the plans of all of them, and for a while of those whose name was dropped. */
export const maxNames = 200;
/** Texts made anew for each number of values come and go. */
const maxCounted = 1000;
/** Longer ones are such, and not worth keeping on every connection. */
const maxTextChars = 20_000;

export interface StatementNames {
  /** The name under which connections keep the plan of a statement; undefined for one that has not repeated. */
  of(text: string): string | undefined;
  /** Has its plan made anew, because the tables have changed. */
  renew(text: string): void;
}

/**
 * Names statements that repeat, since planning one of ours costs PostgreSQL as much as running it. It still decides
 * itself whether one plan fits all values (plan_cache_mode). Beyond `maxNames` the one not used for longest loses its
 * name, which is never given again.
 */
export function statementNames(): StatementNames {
  const names = new LRUCache<string, string>({ max: maxNames });
  const seen = new Map<string, number>();
  let given = 0;
  return {
    of(text) {
      const name = names.get(text);
      if (name !== undefined || text.length > maxTextChars) return name;
      const times = (seen.get(text) ?? 0) + 1;
      if (times < repeats) {
        if (seen.size >= maxCounted) seen.clear();
        seen.set(text, times);
        return undefined;
      }
      seen.delete(text);
      names.set(text, `douya-${++given}`);
      return names.get(text);
    },
    renew(text) {
      if (names.has(text)) names.set(text, `douya-${++given}`);
    },
  };
}
