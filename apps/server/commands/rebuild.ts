import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import { refusal } from "#contracts/reasons.ts";
import type { Database } from "#platform/db/database.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { readLag } from "#platform/events/admin/lag.ts";
import { findRebuild, requestRebuild } from "#platform/jobs/rebuild.ts";
import type { ReadModel } from "#platform/module/module.ts";
import { modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";
import { withDatabases } from "./with-databases.ts";

const lookEveryMs = 200;

interface Found {
  schema: string;
  name: string;
  // biome-ignore lint/suspicious/noExplicitAny: of the module's own tables, whichever these are.
  model: ReadModel<any>;
}

const models: Found[] = modulesOf("all").flatMap(({ module }) =>
  Object.entries(module.readModels ?? {}).map(([name, model]) => ({ schema: module.name, name, model })),
);

export const rebuildCommand: Command = {
  summary: `rebuilds a read model while the system serves: ${models.map(({ name }) => name).join(", ")}`,
  positionals: true,
  options: {},
  async run(_values, [name, ...more]) {
    const found = models.find((one) => one.name === name);
    if (!found || more.length > 0) {
      throw refusal("ARGUMENT_INVALID", `Say one of: ${models.map((one) => one.name).join(", ")}.`);
    }
    await withDatabases((databases) => rebuild(databases.of(found.schema), found));
  },
};

/** Requests the rebuild from the processes that run the module, and prints its progress. It continues if this command is stopped. */
async function rebuild(database: Database, { schema, name, model }: Found): Promise<void> {
  const { pool } = database;
  const sinceMs = Date.now();
  await requestRebuild(pool, schema, name);
  let said = "";
  for (;;) {
    const state = await findRebuild(pool, schema, name);
    if (!state) break;
    if (state.dead) throw failed(name, state.lastError);
    if (!state.taken && !(await isKept(pool, model.group))) throw nobody(schema);
    const saying = (await model.progress?.(database.of(schema))) ?? "";
    if (saying && saying !== said) console.log(`${name}: ${saying}`);
    said = saying;
    await delay(lookEveryMs);
  }
  console.log(`${name}: rebuilt in ${((Date.now() - sinceMs) / 1000).toFixed(1)} s.`);
}

/** Whether a process that runs the module is alive. */
async function isKept(pool: Pool, group: string): Promise<boolean> {
  const [found] = await readLag(pool, [group]);
  return found !== undefined && found.members > 0;
}

function failed(name: string, why: string | null): DomainError {
  return refusal("REBUILD_FAILED", { name, why: String(why) });
}

function nobody(module: string): DomainError {
  return refusal("NOBODY_REBUILDS", { module });
}
