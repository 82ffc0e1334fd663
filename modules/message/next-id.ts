import { DomainError } from "#platform/errors/domain-error.ts";
import { type Ids, timeOfId } from "#platform/ids/snowflake.ts";

/**
 * Larger than the last id of the conversation, even if that came from a process whose clock is ahead. Given under the
 * conversation's lock, so the order of ids is the commit order.
 */
export function nextId(ids: Ids, lastId: string): string | DomainError {
  try {
    return ids.next(lastId === "0" ? undefined : timeOfId(lastId));
  } catch (error) {
    // This refuses only messages of the conversation with that clock, not the others of the batch. A new conversation
    // has no clock and leaves no rows.
    if (error instanceof DomainError && lastId !== "0") return error;
    throw error;
  }
}
