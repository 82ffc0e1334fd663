import { DomainError } from "../errors/domain-error.ts";

/** Less than a handler may take, and than the database lets its transaction stand idle. */
const turnMs = 15_000;

/**
 * For a handler whose work has many steps, each in a transaction of its own and harmless when repeated: call
 * `mayGoOn` after each. Error: TURN_OVER, which lets the event be handled again and the work go on, with the
 * connection free for others in between.
 */
export function turn(): { mayGoOn(): void } {
  const untilMs = Date.now() + turnMs;
  return {
    mayGoOn() {
      if (Date.now() > untilMs) throw new DomainError("unavailable", "TURN_OVER", "There is more to do.");
    },
  };
}
