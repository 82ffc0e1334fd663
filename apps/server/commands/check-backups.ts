import { listBackups, readManifest, readProof } from "#platform/backup/manifest.ts";
import { openTarget } from "../backup/open-target.ts";
import type { Config } from "../config.ts";

const hourMs = 3_600_000;
/** Of the newest, and of when one was proven. */
const oldestMs = { backup: 48 * hourMs, proof: 31 * 24 * hourMs };

/** When the last backup was taken, and when one was proven. An error says what to mend. */
export async function checkBackups(config: Config): Promise<string> {
  const target = openTarget(config, config.backupTo, "DOUYA_BACKUP_TO");
  const ids = (await listBackups(target)).reverse();
  const last = ids[0];
  if (last === undefined) throw new Error(`there is none at ${target.name}: run douya backup`);
  const { databaseAt } = await readManifest(target, last, config.backupKey);
  if (Date.now() - Date.parse(databaseAt) > oldestMs.backup)
    throw new Error(`the last one, at ${target.name}, is of ${databaseAt}: run douya backup`);
  for (const id of ids) {
    const proof = await readProof(target, id);
    if (!proof) continue;
    if (!proof.isProven) throw new Error(`${id} is not what it should be: ${proof.found.join(" ")}`);
    if (Date.now() - Date.parse(proof.at) > oldestMs.proof) break;
    return `the last one is of ${databaseAt}; ${id} was proven ${proof.at}`;
  }
  throw new Error(
    `the last one is of ${databaseAt}, and none was proven for a month: run douya backup verify`,
  );
}
