import { refusal } from "../../errors/reasons.ts";
import type { PrepareContext } from "./handler-transaction.ts";

/** With one statement more, which may last until its timeout, less than the handler timeout. */
const defaultSliceMs = 8_000;

export interface TimeSliceContext extends PrepareContext {
  /** Called after each step. Error: TIME_SLICE_OVER. */
  checkTimeSlice(): void;
}

/**
 * Wraps a preparation that has many idempotent steps, each in its own transaction. When its time slice is over, or a
 * statement timed out, the error is transient: the events are handled again later and the work continues. In between,
 * other events have their turn.
 */
export function inTimeSlices<Events, Prepared>(
  prepare: (events: Events, context: TimeSliceContext) => Promise<Prepared>,
  { sliceMs = defaultSliceMs }: { sliceMs?: number } = {},
): (events: Events, context: PrepareContext) => Promise<Prepared> {
  return async (events, context) => {
    const untilMs = performance.now() + sliceMs;
    const checkTimeSlice = () => {
      if (context.signal.aborted || performance.now() > untilMs) throw refusal("TIME_SLICE_OVER");
    };
    try {
      return await prepare(events, { ...context, checkTimeSlice });
    } catch (error) {
      // PostgreSQL canceled a statement.
      if ((error as { code?: unknown }).code !== "57014") throw error;
      throw Object.assign(refusal("TIME_SLICE_OVER"), { cause: error });
    }
  };
}

/** The same for events that are prepared one by one. */
export function eachInTimeSlices<Event>(
  prepare: (event: Event, context: TimeSliceContext) => Promise<void>,
): (events: Event[], context: PrepareContext) => Promise<undefined> {
  return inTimeSlices(async (events: Event[], context) => {
    for (const event of events) await prepare(event, context);
    return undefined;
  });
}
