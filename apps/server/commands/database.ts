import type { ClientBase } from "pg";
import { refusal } from "#contracts/reasons.ts";
import type { Database } from "#platform/db/database.ts";
import { changeStream } from "#platform/db/move/change-stream.ts";
import { checkNeeds } from "#platform/db/move/check-needs.ts";
import { streamName } from "#platform/db/move/left-streams.ts";
import { forgetMove, moveLive } from "#platform/db/move/move-live.ts";
import { keptSchema, moveSchema } from "#platform/db/move/move-schema.ts";
import {
  asOnlyMover,
  claimFor,
  forgetPlacement,
  installationOf,
  noteInUse,
  openReachable,
  recordPlacement,
  refuseInUse,
} from "#platform/db/placement.ts";
import { groupsBehind } from "#platform/events/admin/behind.ts";
import { createLog } from "#platform/observe/log.ts";
import { type Config, readConfig } from "../config.ts";
import { addressSeal, settingOf } from "../module-databases.ts";
import { type Databases, migrateAll, openDatabases } from "../open-databases.ts";
import { progressBar } from "../progress-bar.ts";
import { modulesOf, table } from "../targets.ts";
import type { Command } from "./command.ts";

const usage =
  "Say: database move MODULE --to=postgres://…, and later database move MODULE --confirm or --back; --abandon gives up a move that was not switched; database status.";

export const databaseCommand: Command = {
  summary:
    "move MODULE --to=postgres://…: takes a module's tables into a database of its own, also while processes serve; --back takes them back, --confirm removes the old ones, --abandon gives up; status: where each module is",
  positionals: true,
  options: {
    to: { type: "string" },
    back: { type: "boolean", default: false },
    confirm: { type: "boolean", default: false },
    abandon: { type: "boolean", default: false },
  },
  async run({ to, back, confirm, abandon }, [action, module = "", ...more]) {
    const ways = [to !== undefined, back, confirm, abandon].filter(Boolean).length;
    const isMove = action === "move" && table[module]?.module.migrations && ways === 1;
    const isStatus = action === "status" && module === "" && ways === 0;
    if (more.length > 0 || !(isMove || isStatus)) throw refusal("ARGUMENT_INVALID", usage);
    const config = readConfig();
    const log = createLog(config.logLevel);
    // A server may have the embedded one.
    const databases = await openDatabases(config, log).catch((error) => {
      if ((error as { reason?: string }).reason !== "DATA_IN_USE") throw error;
      return openDatabases(config, log, { exclusive: false });
    });
    try {
      if (isStatus) await databases.place();
      else await databases.migrate(modulesOf("all"));
      if (isStatus) showStatus(databases);
      else
        await asOnlyMover(databases.main.pool, { module, from: databases.placeOf(module) }, async () => {
          if (abandon) await giveUp(databases, module);
          else if (confirm) await dropKept(databases, module);
          else if (back) await moveBack(databases, module);
          else await moveOut(databases, { module, url: String(to), config });
        });
    } finally {
      await databases.close();
    }
  },
};

function showStatus(databases: Databases): void {
  for (const { module } of modulesOf("all")) {
    if (!module.migrations) continue;
    const isOwn = databases.of(module.name) !== databases.main;
    console.log(`${module.name.padEnd(12)} ${isOwn ? "in a database of its own" : "in the main database"}`);
  }
}

async function moveOut(
  databases: Databases,
  { module, url, config }: { module: string; url: string; config: Config },
): Promise<void> {
  const { main } = databases;
  if (databases.of(module) !== main) {
    // One that was killed right after the switch has left it.
    await dropStreams(databases, module);
    await noteInUse(databases.of(module).pool, true);
    throw refusal("MODULE_MOVED_ALREADY", { module });
  }
  const isLive = (await countAlive(main.pool)) > 0;
  if (!isLive) await checkStopped(databases);
  const to = await openReachable(module, url, { log: createLog(config.logLevel) });
  try {
    const stream = await streamOf(databases, module);
    if (isLive) await checkNeeds({ module, from: main, to, stream });
    const database = await claimFor(module, { own: to, main: main.pool, setting: "--to", mayClaim: true });
    await refuseInUse(module, to.pool);
    await migrateAll(to, modulesOf(module), false);
    const address = (await addressSeal(config)).seal(module, url);
    const move = { module, from: main, to, main, onProgress: progressBar() };
    const record = (on: ClientBase) => recordPlacement(on, { module, database, address });
    if (isLive)
      await moveLive({
        ...move,
        ...(await liveOf(databases, module, to)),
        place: { database, address },
        record,
      });
    else await moveSchema({ ...move, record: (on) => checkNobody(on).then(() => record(on)) });
    await noteInUse(to.pool, true);
  } finally {
    await to.close();
  }
  console.log(`${module} is in its own database, and every process finds it there.`);
  console.log(`Set ${settingOf(module)} only if its address changes. What was before is kept until you say`);
  console.log(`  douya database move ${module} --confirm    or, to take it back,    --back`);
}

async function moveBack(databases: Databases, module: string): Promise<void> {
  const { main } = databases;
  const from = ownOf(databases, module);
  const isLive = (await countAlive(main.pool)) > 0;
  const stream = await streamOf(databases, module);
  if (isLive) await checkNeeds({ module, from, to: main, stream });
  else await checkStopped(databases);
  await main.pool.query(`drop schema if exists "${keptSchema(module)}" cascade`);
  // Of a move that was ended right after its switch.
  await changeStream(main.pool, stream).end();
  await migrateAll(main, modulesOf(module));
  const move = { module, from, to: main, main, onProgress: progressBar() };
  const record = (on: ClientBase) => forgetPlacement(on, module);
  if (isLive) await moveLive({ ...move, ...(await liveOf(databases, module, main)), place: null, record });
  else await moveSchema({ ...move, record: (on) => checkNobody(on).then(() => record(on)) });
  await noteInUse(from.pool, false);
  console.log(`${module} is in the main database again. Take ${settingOf(module)} away if it is set.`);
}

/** What a move needs besides while processes serve. */
async function liveOf(databases: Databases, module: string, to: Database) {
  const pools = new Set([...databases.all().map(({ database }) => database.pool), to.pool]);
  return {
    stream: await streamOf(databases, module),
    behind: () => groupsBehind([...pools], module),
    say: (line: string) => console.log(line),
  };
}

async function streamOf({ main }: Databases, module: string): Promise<string> {
  return streamName(module, await installationOf(main.pool));
}

async function giveUp(databases: Databases, module: string): Promise<void> {
  await forgetMove(databases.main.pool, module);
  await dropStreams(databases, module);
  console.log(`No move of ${module} is under way any more.`);
}

async function dropStreams(databases: Databases, module: string): Promise<void> {
  const stream = await streamOf(databases, module);
  for (const { database } of databases.all()) await changeStream(database.pool, stream).end();
}

async function dropKept(databases: Databases, module: string): Promise<void> {
  ownOf(databases, module);
  await dropStreams(databases, module);
  await databases.main.pool.query(`drop schema if exists "${keptSchema(module)}" cascade`);
  console.log(`What the main database had of ${module} is gone.`);
}

function ownOf(databases: Databases, module: string): Database {
  const own = databases.of(module);
  if (own === databases.main) throw refusal("MODULE_NOT_MOVED", { module });
  return own;
}

/** Nobody works with the data, and no event is left that could be overtaken by one in the new log. */
async function checkStopped(databases: Databases): Promise<void> {
  for (const { database } of databases.all()) await checkNobody(database.pool);
  const behind = await groupsBehind(databases.all().map(({ database }) => database.pool));
  if (behind.length > 0) throw refusal("EVENTS_LEFT", { groups: behind.join(", ") });
}

async function checkNobody(on: Pick<ClientBase, "query">): Promise<void> {
  const count = await countAlive(on);
  if (count > 0) throw refusal("STILL_SERVING", { count });
}

async function countAlive(on: Pick<ClientBase, "query">): Promise<number> {
  const { rows } = await on.query<{ alive: number }>(
    "select count(*)::int as alive from lease.process where expires_at > now()",
  );
  return rows[0]!.alive;
}
