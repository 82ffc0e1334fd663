import { createLog } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";

/**
 * A separate process for tests: `hold-postgres <dir>` starts a server, writes a line of JSON (`{url, adopted, pid}`
 * or `{reason, message}`) and holds the server until its input ends, then stops it.
 */
const dir = process.argv[2]!;
try {
  const server = await startEmbeddedPostgres({ dir, log: createLog("fatal") });
  process.stdin.resume().once("end", () => server.stop());
  const { url, adopted, pid } = server;
  process.stdout.write(`${JSON.stringify({ url, adopted, pid })}\n`);
} catch (error) {
  const { reason, message } = error as { reason?: string; message: string };
  process.stdout.write(`${JSON.stringify({ reason, message })}\n`);
}
