import { DomainError } from "../errors/domain-error.ts";
import type { HandlerContext } from "./handler-transaction.ts";

/** Together with a last step of the statement timeout, less than the handler timeout. */
const defaultSliceMs = 8_000;

export interface TimeSliceContext extends HandlerContext {
  /** Called after each step. Error: TIME_SLICE_OVER. */
  checkTimeSlice(): void;
}

/**
 * Wraps a handler whose work has many idempotent steps, each in its own transaction. When its time slice is over, or a
 * statement timed out, the error is transient: the events are handled again later and the work continues. In between,
 * others can use the connection.
 */
export function inTimeSlices<On, Events>(
  handle: (on: On, events: Events, context: TimeSliceContext) => Promise<void>,
  { sliceMs = defaultSliceMs }: { sliceMs?: number } = {},
): (on: On, events: Events, context: HandlerContext) => Promise<void> {
  return async (on, events, context) => {
    const untilMs = performance.now() + sliceMs;
    const checkTimeSlice = () => {
      if (context.signal.aborted || performance.now() > untilMs) throw timeSliceOver();
    };
    try {
      await handle(on, events, { ...context, checkTimeSlice });
    } catch (error) {
      // PostgreSQL canceled a statement.
      if ((error as { code?: unknown }).code !== "57014") throw error;
      throw Object.assign(timeSliceOver(), { cause: error });
    }
  };
}

/** The same for a handler of one event at a time. */
export function eachInTimeSlices<On, Event>(
  handle: (event: Event, context: TimeSliceContext) => Promise<void>,
): (on: On, events: Event[], context: HandlerContext) => Promise<void> {
  return inTimeSlices(async (_on, events, context) => {
    for (const event of events) await handle(event, context);
  });
}

function timeSliceOver(): DomainError {
  return new DomainError("unavailable", "TIME_SLICE_OVER", "There is more to do.");
}
