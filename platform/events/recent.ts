import type { Pool } from "pg";
import type { EventOf, EventType } from "./event-type.ts";
import { decode, type LogRow } from "./log-row.ts";

/** What was committed since an earlier look at the log. */
export interface Recent<Type extends EventType> {
  /** For the next look. */
  mark: string;
  /** In no order, and some perhaps again; undefined: there are too many to tell, or some that cannot be read. */
  events: EventOf<Type>[] | undefined;
}

/** More than this is more work to tell than to do without. */
const maxEvents = 1_000;
const markForm = /^(\d{1,15}) (\d{1,4})$/;

/**
 * Looks which events of these types were committed since `mark`. Unlike a consumer, whoever asks here does not stop
 * at the horizon: everything that was committed before the question is seen, also when somebody who drew an earlier
 * position has not committed yet. That takes no memory of what was seen: a mark is a horizon, below which nothing
 * comes any more, with the number of events above it, and while their number stays the same none has come.
 */
export async function lookAtRecent<Type extends EventType>(
  pool: Pool,
  types: ReadonlyMap<string, Type>,
  mark: string,
): Promise<Recent<Type>> {
  const [known, after = null, above = null] = markForm.exec(mark) ?? [];
  const { rows } = await pool.query<LogRow & { decided: string; above: number; total: number }>({
    name: "events-recent",
    text: "select * from events.recent($1, $2, $3, $4)",
    values: [after, above, [...types.keys()], maxEvents],
  });
  const [first] = rows;
  if (!first) return { mark, events: [] };
  const tooMany = known === undefined || first.total > maxEvents;
  return {
    // Counting ends there too, so that more of them would look like as many.
    mark: first.above > maxEvents ? "" : `${first.decided} ${first.above}`,
    events: tooMany ? undefined : readable(rows, types),
  };
}

function readable<Type extends EventType>(rows: LogRow[], types: ReadonlyMap<string, Type>) {
  try {
    return rows.filter((row) => row.type !== null).map((row) => decode(row, types));
  } catch {
    // Consumers park it and say why.
    return undefined;
  }
}
