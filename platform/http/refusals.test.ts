import { expect, test } from "vitest";
import { DomainError } from "#platform/errors/domain-error.ts";
import { sendRetryAfter } from "./problem.ts";

test.each([
  [new DomainError("exhausted", "TOO_MANY_REQUESTS", "Wait."), "5"],
  [new DomainError("unavailable", "DISK_FULL", "Wait."), "5"],
  [new DomainError("unavailable", "DISK_FULL", "Wait.", 30_001), "31"],
  [new DomainError("deadline", "DEADLINE_EXCEEDED", "It took too long."), "5"],
  [new DomainError("invalid", "NAME_INVALID", "Choose another."), undefined],
])("whoever may come back is told when: %s", (refusal, said) => {
  const headers = new Map<string, string>();
  const reply = { header: (name: string, value: unknown) => headers.set(name, String(value)) };
  sendRetryAfter(refusal, reply as never);
  expect(headers.get("retry-after")).toBe(said);
});
