import { refusal } from "../errors/reasons.ts";

/** A key that a client chose, so that a repeated request has no second effect; undefined if there is none. */
export function checkIdempotencyKey(key: string): string | undefined {
  if (/^[\x21-\x7e]{0,64}$/.test(key)) return key || undefined;
  throw refusal("IDEMPOTENCY_KEY_INVALID");
}
