import { randomBytes, randomUUID } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import type { Config } from "./config.ts";

/** The secret that the processes of one installation share. */
export async function clusterSecret(config: Config): Promise<string> {
  if (config.clusterSecret) return config.clusterSecret;
  const path = join(config.dataDir, "cluster-secret");
  // Processes in containers have the same numbers.
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, randomBytes(32).toString("base64url"), { mode: 0o600 });
  try {
    // Written in full or not at all: processes that start together must read the same secret.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const secret = (await readFile(path, "utf8")).trim();
  if (secret !== "" && Buffer.byteLength(secret) >= 32) return secret;
  throw refusal("SECRET_TOO_SHORT", { path });
}
