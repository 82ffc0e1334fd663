import { setTimeout as delay } from "node:timers/promises";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import type { Pool } from "pg";
import * as declared from "#contracts/events.ts";
import { refusal } from "#contracts/reasons.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { deadLetters, drop, forget, readTail, replay, reset } from "#platform/events/admin/admin.ts";
import { readLag } from "#platform/events/admin/lag.ts";
import type { EventType } from "#platform/events/event-type.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Command } from "./command.ts";
import { withDatabase } from "./with-database.ts";

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
}

const actions: Record<string, (pool: Pool, values: Values) => Promise<void>> = {
  lag: showLag,
  dead: showDead,
  async replay(pool, { group, id }) {
    console.log(`${await replay(pool, { group, id })} to be handled again.`);
  },
  async drop(pool, { group, id }) {
    await drop(pool, { group: group!, id: id! });
    console.log(`${id} of ${group} is given up.`);
  },
  async reset(pool, { group, to }) {
    await reset(pool, group!, to);
    console.log(`${group} goes on from the ${to} of the log.`);
  },
  async forget(pool, { group }) {
    await forget(pool, group!);
    console.log(`${group} is forgotten.`);
  },
  tail: showTail,
};

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
  async run(values, [name = "lag", ...more]) {
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
    if (!action || more.length > 0) throw invalid(`Say one of: ${Object.keys(actions).join(", ")}.`);
    const checked = check(name, values);
    await withDatabase((database) => action(database.pool, checked));
  },
};

function check(action: string, values: Record<string, string | boolean | undefined>): Values {
  const limit = Number(values.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 10_000)
    throw invalid("--limit takes a number from 1 to 10000.");
  if (values.to !== "start" && values.to !== "end") throw invalid("--to takes start or end.");
  if (values.id !== undefined && !isId(String(values.id)))
    throw invalid("--id takes the number that `douya events dead` shows.");
  if (["reset", "forget", "drop"].includes(action) && !values.group)
    throw invalid("Say which group with --group; see: douya events lag.");
  if (action === "drop" && !values.id) throw invalid("Say which one with --id; see: douya events dead.");
  return { ...values, limit } as Values;
}

async function showLag(pool: Pool): Promise<void> {
  const groups = await readLag(pool);
  if (groups.length === 0) return console.log("Nobody has consumed anything yet.");
  const rows = groups.map((group) => [
    group.group,
    String(group.records),
    group.seconds.toFixed(1),
    String(group.deadLetters),
    String(group.members),
    String(group.orphans),
  ]);
  table([["group", "behind", "seconds", "dead", "members", "unheld partitions"], ...rows]);
}

async function showDead(pool: Pool, { group, limit }: Values): Promise<void> {
  const letters = await deadLetters(pool, group, limit);
  if (letters.length === 0) return console.log("There are no dead letters.");
  for (const letter of letters) {
    const again = letter.replay ? ", to be handled again" : "";
    console.log(`${letter.group} ${letter.id} ${letter.type} ${letter.at.toISOString()}`);
    console.log(`    ${described(letter)}`);
    console.log(`    ${letter.attempts} attempts, parked ${letter.parkedAt.toISOString()}${again}`);
    console.log(`    ${letter.reason}`);
  }
}

async function showTail(pool: Pool, { type, limit, follow }: Values): Promise<void> {
  const wanted = type?.split(",");
  let rows = await readTail(pool, { types: wanted, limit });
  let after = rows.at(-1)?.position ?? "0";
  for (;;) {
    for (const row of rows) {
      console.log(`${row.position} ${row.at.toISOString()} ${row.type} ${described(row)}`);
    }
    if (!follow) return;
    await delay(followEveryMs);
    rows = await readTail(pool, { types: wanted, after, limit: 1000 });
    after = rows.at(-1)?.position ?? after;
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
