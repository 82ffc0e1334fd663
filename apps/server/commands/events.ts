import { setTimeout as delay } from "node:timers/promises";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import * as declared from "#contracts/events.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Database } from "#platform/db/database.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { deadLetters, drop, forget, replay, reset } from "#platform/events/admin/admin.ts";
import { readAllLag } from "#platform/events/admin/all-lag.ts";
import { allTails } from "#platform/events/admin/all-tails.ts";
import { splitPartitions } from "#platform/events/admin/split-partitions.ts";
import type { EventType } from "#platform/events/event-type.ts";
import { readPartitioning } from "#platform/events/partitions.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Databases } from "../open-databases.ts";
import { wentBack } from "../went-back.ts";
import type { Command } from "./command.ts";
import { withDatabases } from "./with-databases.ts";

const types = new Map<string, EventType>(Object.values(declared).map((type) => [type.name, type]));
const followEveryMs = 250;

interface Values {
  /** Present if the action needs one. */
  group: string | undefined;
  id: string | undefined;
  to: "start" | "end";
  type: string | undefined;
  limit: number;
  follow: boolean;
  count: number | undefined;
}

/** On the databases of the installation. */
const actions: Record<string, (databases: Databases, values: Values) => Promise<void>> = {
  lag: showLag,
  dead: showDead,
  async replay(databases, { group, id }) {
    let count = 0;
    for (const { pool } of databasesOf(databases, group))
      count += await replay(pool, { group, id }).catch((error) => {
        if (error.reason === "NO_DEAD_LETTER") return 0;
        throw error;
      });
    if (count === 0) throw refusal("NO_DEAD_LETTER");
    console.log(`${count} to be handled again.`);
  },
  async drop(databases, { group, id }) {
    await drop(databases.of(moduleOf(group!)).pool, { group: group!, id: id! });
    console.log(`${id} of ${group} is given up.`);
  },
  async reset(databases, { group, to }) {
    await reset(databases.of(moduleOf(group!)).pool, group!, to);
    console.log(`${group} goes on from the ${to} of the log.`);
  },
  async forget(databases, { group }) {
    await forget(databases.of(moduleOf(group!)).pool, group!);
    console.log(`${group} is forgotten.`);
  },
  tail: showTail,
  async restored(databases) {
    await wentBack(databases);
    console.log(
      "The next events of each database begin above all that it can have had before it was restored.",
    );
  },
  async partitions(databases, { count }) {
    if (count !== undefined) await splitAll(databases, count);
    console.log((await partitionsOf(databases)).join("\n"));
  },
};

/** Of the logs of all databases: a process that has one reads them all. */
async function splitAll(databases: Databases, count: number): Promise<void> {
  const pools = databases.all().map(({ database }) => database.pool);
  for (const pool of pools)
    await splitPartitions(pool, count, { elsewhere: pools.filter((other) => other !== pool) });
}

/** In words, for each database. */
export async function partitionsOf(databases: Databases): Promise<string[]> {
  const all = databases.all();
  const counts = await Promise.all(all.map(({ database }) => readPartitioning(database.pool)));
  return counts.map((history, i) => {
    const where = all.length > 1 ? `${all[i]!.name}: ` : "";
    return `${where}${history.at(-1)!.partitions} partitions`;
  });
}

/** A group is called after its module: feed.inbox. */
function moduleOf(group: string): string {
  return group.split(".")[0]!;
}

function databasesOf(databases: Databases, group: string | undefined): Database[] {
  return group === undefined
    ? databases.all().map(({ database }) => database)
    : [databases.of(moduleOf(group))];
}

export const eventsCommand: Command = {
  summary: `looks into the event log: ${Object.keys(actions).join(", ")}`,
  positionals: true,
  options: {
    group: { type: "string" },
    id: { type: "string" },
    to: { type: "string", default: "start" },
    type: { type: "string" },
    limit: { type: "string", default: "20" },
    follow: { type: "boolean", default: false },
  },
  async run(values, [name = "lag", count, ...more]) {
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (!action || more.length > 0 || (count !== undefined && name !== "partitions"))
      throw invalid(`Say one of: ${Object.keys(actions).join(", ")}.`);
    const checked = { ...check(name, values), count: countOf(count) };
    await withDatabases((databases) => action(databases, checked));
  },
};

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,4}$/.test(text)) throw invalid("Say how many partitions there are to be, for example: 32.");
  return Number(text);
}

function check(action: string, values: Record<string, string | boolean | undefined>): Omit<Values, "count"> {
  const limit = Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
    throw invalid("--limit takes a number from 1 to 10000.");
  if (values.to !== "start" && values.to !== "end") throw invalid("--to takes start or end.");
  if (values.id !== undefined && !isLetterId(String(values.id)))
    throw invalid("--id takes what `douya events dead` shows: a number, or number@database.");
  if (["reset", "forget", "drop"].includes(action) && !values.group)
    throw invalid("Say which group with --group; see: douya events lag.");
  if (action === "drop" && !values.id) throw invalid("Say which one with --id; see: douya events dead.");
  return { ...values, limit } as Omit<Values, "count">;
}

function isLetterId(id: string): boolean {
  const [position = "", ...database] = id.split("@");
  return isId(position) && database.length < 2 && database.every((one) => /^[0-9a-f]{8}$/.test(one));
}

async function showLag(databases: Databases): Promise<void> {
  const groups = await readAllLag(databases.all().map(({ database }) => database.pool));
  const partitions = (await partitionsOf(databases)).join(", ");
  if (groups.length === 0) return console.log(`Nobody has consumed anything yet.\n${partitions}`);
  const rows = groups.map((group) => [
    group.group,
    String(group.records),
    group.seconds.toFixed(1),
    String(group.deadLetters),
    String(group.members),
    String(group.orphans),
  ]);
  table([["group", "behind", "seconds", "dead", "members", "unheld partitions"], ...rows]);
  console.log(partitions);
}

async function showDead(databases: Databases, { group, limit }: Values): Promise<void> {
  const found = await Promise.all(
    databasesOf(databases, group).map(({ pool }) => deadLetters(pool, group, limit)),
  );
  const letters = found.flat().slice(0, limit);
  if (letters.length === 0) return console.log("There are no dead letters.");
  for (const letter of letters) {
    const again = letter.replay ? ", to be handled again" : "";
    console.log(`${letter.group} ${letter.id} ${letter.type} ${letter.at.toISOString()}`);
    console.log(`    ${described(letter)}`);
    console.log(`    ${letter.attempts} attempts, parked ${letter.parkedAt.toISOString()}${again}`);
    console.log(`    ${letter.reason}`);
  }
}

async function showTail(databases: Databases, { type, limit, follow }: Values): Promise<void> {
  const logs = databases.all().map(({ name, database }) => ({ name, pool: database.pool }));
  const read = allTails(logs, { types: type?.split(","), limit });
  for (;;) {
    for (const row of await read()) {
      const where = logs.length > 1 ? `${row.log.name} ` : "";
      console.log(`${where}${row.position} ${row.at.toISOString()} ${row.type} ${described(row)}`);
    }
    if (!follow) return;
    await delay(followEveryMs);
  }
}

function described({ type, key, payload }: { type: string; key: string; payload: Buffer }): string {
  const known = types.get(type);
  try {
    if (known) return JSON.stringify(toJson(known.schema, fromBinary(known.schema, payload)));
  } catch {
    // Damaged: its bytes say more than nothing.
  }
  return `key ${key}, ${payload.length} bytes: ${payload.toString("hex").slice(0, 200)}`;
}

function table(rows: string[][]): void {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  for (const row of rows)
    console.log(
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join("  ")
        .trimEnd(),
    );
}

function invalid(message: string): DomainError {
  return refusal("ARGUMENT_INVALID", message);
}
