import type { TestProject } from "vitest/node";
import { startThrowawayPostgres } from "./private-postgres.ts";

/** One PostgreSQL for the whole run; every test file makes its own databases in it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startThrowawayPostgres();
  project.provide("postgresUrl", server.url);
  return () => server.remove();
}
