import type { QueryConfig } from "pg";

const hourMs = 3_600_000;

/** A statement whose answer may take longer than that of any request: it goes over a whole table, or waits for others. */
export function patiently(text: string, answerTimeoutMs = hourMs): QueryConfig {
  const config: QueryConfig & { query_timeout: number } = { text, query_timeout: answerTimeoutMs };
  return config;
}
