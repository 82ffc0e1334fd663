import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import pg from "pg";

/** Connects to the embedded database of a data folder, through the socket that it has written down. */
export async function connectToEmbedded(dataDir: string): Promise<pg.Client> {
  const dir = join(dataDir, "postgres");
  const lines = (await readFile(join(dir, "postmaster.pid"), "utf8")).split("\n");
  const password = (await readFile(join(dir, "douya.password"), "utf8")).trim();
  const client = new pg.Client({ host: resolve(dir, lines[4]!), user: "douya", password, database: "douya" });
  await client.connect();
  return client;
}
