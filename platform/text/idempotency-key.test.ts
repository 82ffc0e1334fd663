import { describe, expect, test } from "vitest";
import { checkIdempotencyKey } from "./idempotency-key.ts";

describe("checkIdempotencyKey", () => {
  test("is anything visible up to 64 characters; empty is none", () => {
    expect(checkIdempotencyKey("")).toBeUndefined();
    expect(checkIdempotencyKey("x".repeat(64))).toHaveLength(64);
    for (const key of ["x".repeat(65), "a b", "ä", "a\n"]) {
      expect(() => checkIdempotencyKey(key)).toThrow(
        expect.objectContaining({ reason: "IDEMPOTENCY_KEY_INVALID" }),
      );
    }
  });
});
