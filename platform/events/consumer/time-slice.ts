import { refusal } from "../../errors/reasons.ts";
import type { PrepareContext } from "./handler-transaction.ts";

/** With one statement more, which may last until its timeout, less than the handler timeout. */
const defaultSliceMs = 8_000;

export interface TimeSliceContext extends PrepareContext {
  /** Called after each step. Error: TIME_SLICE_OVER. */
  checkTimeSlice(): void;
}

/**
 * Wraps a preparation that has many idempotent steps, each in its own transaction. When its time slice is over,
 * it has made progress: the events are handled again soon and the work continues. In between, other events have their
 * turn. A statement that times out is a timeout as in any handler, or one that never fits would be tried for ever.
 */
export function inTimeSlices<Events, Prepared>(
  prepare: (events: Events, context: TimeSliceContext) => Promise<Prepared>,
  { sliceMs = defaultSliceMs }: { sliceMs?: number } = {},
): (events: Events, context: PrepareContext) => Promise<Prepared> {
  return (events, context) => {
    const untilMs = performance.now() + sliceMs;
    const checkTimeSlice = () => {
      if (context.signal.aborted || performance.now() > untilMs) throw refusal("TIME_SLICE_OVER");
    };
    return prepare(events, { ...context, checkTimeSlice });
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
