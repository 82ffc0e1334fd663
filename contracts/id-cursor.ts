import { isId } from "#platform/ids/snowflake.ts";
import { refusal } from "./reasons.ts";

/** The id at which a page goes on; undefined: it begins. Error: CURSOR_INVALID. */
export function readIdCursor(cursor: string): string | undefined {
  if (cursor !== "" && !isId(cursor)) throw refusal("CURSOR_INVALID");
  return cursor || undefined;
}
