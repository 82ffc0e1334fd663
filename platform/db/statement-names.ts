/** A statement that has come so often will come again. */
const repeats = 10;
/** Each connection keeps the plans of all of them. */
const maxNames = 200;
/** Texts made anew for each number of values come and go. */
const maxCounted = 1000;

export interface StatementNames {
  /** The name under which connections keep the plan of a statement; undefined for one that has not repeated. */
  of(text: string): string | undefined;
  /** Has its plan made anew, because the tables have changed. */
  renew(text: string): void;
}

/**
 * Names statements that repeat, since planning one of ours costs PostgreSQL as much as running it. It still decides
 * itself whether one plan fits all values (plan_cache_mode).
 */
export function statementNames(): StatementNames {
  const names = new Map<string, string>();
  const seen = new Map<string, number>();
  let given = 0;
  return {
    of(text) {
      const name = names.get(text);
      if (name !== undefined || names.size >= maxNames) return name;
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
