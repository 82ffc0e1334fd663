import type { TestProject } from "vitest/node";
import { startPrivatePostgres, THROWAWAY_SETTINGS } from "./private-postgres.ts";

/** One PostgreSQL for the whole run; every test file makes its own databases in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPrivatePostgres(THROWAWAY_SETTINGS);
  project.provide("postgresUrl", server.url);
  return () => server.remove();
}
