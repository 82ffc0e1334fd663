import { DomainError } from "../errors/domain-error.ts";
import type { HandleContext } from "./effect.ts";

/** With a last step as long as the database lets a statement take, less than a handler may take. */
const defaultTurnMs = 8_000;

export interface TurnContext extends HandleContext {
  /** To be called after each step. Error: TURN_OVER. */
  mayGoOn(): void;
}

/**
 * A handler whose work has many steps, each in a transaction of its own and harmless when repeated. When it has had
 * its turn, or a statement had to wait too long, the events are handled again and the work goes on, for as long as it
 * takes and with the connection free for others in between.
 */
export function inTurns<On, Events>(
  handle: (on: On, events: Events, context: TurnContext) => Promise<void>,
  { turnMs = defaultTurnMs }: { turnMs?: number } = {},
): (on: On, events: Events, context: HandleContext) => Promise<void> {
  return async (on, events, context) => {
    const untilMs = performance.now() + turnMs;
    const mayGoOn = () => {
      if (context.signal.aborted || performance.now() > untilMs) throw turnOver();
    };
    try {
      await handle(on, events, { ...context, mayGoOn });
    } catch (error) {
      // PostgreSQL has cancelled a statement.
      if ((error as { code?: unknown }).code !== "57014") throw error;
      throw Object.assign(turnOver(), { cause: error });
    }
  };
}

/** The same for who handles one event after the other. */
export function eachInTurns<On, Event>(
  handle: (event: Event, context: TurnContext) => Promise<void>,
): (on: On, events: Event[], context: HandleContext) => Promise<void> {
  return inTurns(async (_on, events, context) => {
    for (const event of events) await handle(event, context);
  });
}

function turnOver(): DomainError {
  return new DomainError("unavailable", "TURN_OVER", "There is more to do.");
}
