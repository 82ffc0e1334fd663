import { sql } from "kysely";
import type { Kysely } from "../../db/database.ts";
import type { EventOf, EventType } from "../event-type.ts";
import type { ChangeLog } from "./change-log.ts";
import { decode, type LogRow } from "./log-row.ts";

/** What was committed since a cursor. */
export interface LogChanges<Type extends EventType> {
  /** For the next call. */
  cursor: string;
  /** Unordered, some perhaps twice; undefined when there are too many, or some cannot be decoded. */
  events: EventOf<Type>[] | undefined;
}

/** Above this number of them, reading costs more than loading everything again; and twenty times as many of all types. */
const maxEvents = 1_000;
/** Between the cursors of the databases, in their order. */
const separator = ",";
const cursorForm = /^(\d{1,15}) (\d{1,4})$/;

/** What readChanges gives, of all databases: always these in this order, as long as a cursor is used. */
export async function readAllChanges<Type extends EventType>(
  logs: readonly Pick<ChangeLog, "ask">[],
  types: ReadonlyMap<string, Type>,
  cursor: string,
): Promise<LogChanges<Type>> {
  const cursors = cursor.split(separator);
  // Of other databases than these: nothing is known of any.
  const known = cursors.length === logs.length;
  const all = await Promise.all(
    logs.map((log, i) => log.ask((db) => readChanges(db, types, known ? cursors[i]! : ""))),
  );
  const readable = all.every(({ events }) => events);
  return {
    cursor: all.map((one) => one.cursor).join(separator),
    events: readable ? all.flatMap(({ events }) => events!) : undefined,
  };
}

/**
 * Reads the events of these types that were committed since `cursor`. Unlike a consumer it does not stop at the stable
 * position: everything that was committed before the call is included, even when an earlier position is uncommitted. A
 * cursor is a stable position, below which nothing new appears, and the number of events above it: the same number means
 * that nothing was added. So no memory of what was seen is needed.
 */
async function readChanges<Type extends EventType>(
  db: Kysely<unknown>,
  types: ReadonlyMap<string, Type>,
  cursor: string,
): Promise<LogChanges<Type>> {
  const [known, after = null, above = null] = cursorForm.exec(cursor) ?? [];
  const { rows } = await sql<LogRow & { decided: string; above: number; total: number }>`
    select * from events.recent_of_types(${after}, ${above}, ${[...types.keys()]}, ${maxEvents})`.execute(db);
  const [first] = rows;
  if (!first) return { cursor, events: [] };
  const tooMany = known === undefined || first.total > maxEvents;
  return {
    // Counting ends at the limit, so two larger numbers would look the same.
    cursor: first.above > maxEvents ? "" : `${first.decided} ${first.above}`,
    events: tooMany ? undefined : readable(rows, types),
  };
}

function readable<Type extends EventType>(rows: LogRow[], types: ReadonlyMap<string, Type>) {
  try {
    return rows.filter((row) => row.type !== null).map((row) => decode(row, types));
  } catch {
    // Consumers park it with the reason.
    return undefined;
  }
}
