import { type Recounted, recount } from "#platform/db/recount.ts";
import type { Databases } from "../open-databases.ts";
import { progressBar } from "../progress-bar.ts";
import { modulesOf } from "../targets.ts";

/** For one count; a hundred million rows take minutes. */
const timeoutMs = 3_600_000;

/** Prints a table of all counts. A difference is a bug, or somebody has changed the tables by hand. */
export async function recountAll(databases: Databases): Promise<void> {
  for (const { module, what, tookMs, drifts, first } of await countAll(databases)) {
    const name = `${module.padEnd(12)}${what.padEnd(32)}`;
    if (drifts === 0) {
      console.log(`ok    ${name}${Math.round(tookMs)} ms`);
      continue;
    }
    process.exitCode = 1;
    console.log(
      `DRIFT ${name}${drifts} differ${drifts > first.length ? `, the first ${first.length}:` : ":"}`,
    );
    for (const { key, kept, facts } of first) console.log(`      ${key}: kept ${kept}, facts say ${facts}`);
  }
}

/** Compares all counts with their facts. */
export async function countAll(databases: Databases): Promise<Recounted[]> {
  const modules = modulesOf("all").flatMap(({ module: { name, recount: counts } }) =>
    counts ? [{ name, counts }] : [],
  );
  const total = modules.reduce((sum, { counts }) => sum + counts.length, 0);
  const progress = progressBar();
  let begun = 0;
  const done: Recounted[] = [];
  for (const { database } of databases.all()) {
    const here = modules.filter(({ name }) => databases.of(name) === database);
    const options = { statementTimeoutMs: timeoutMs, onStart: () => progress("counts", ++begun, total) };
    if (here.length > 0) done.push(...(await recount(database, here, options)));
  }
  return done;
}
