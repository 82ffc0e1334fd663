import { expect, test } from "vitest";
import { DomainError } from "../errors/domain-error.ts";
import { sendRetryAfter } from "./refusals.ts";

test.each([
  [429, new DomainError("exhausted", "TOO_MANY_REQUESTS", "Wait."), "5"],
  [503, new DomainError("unavailable", "DISK_FULL", "Wait."), "5"],
  [503, new DomainError("unavailable", "DISK_FULL", "Wait.", 30_001), "31"],
  [504, new DomainError("deadline", "DEADLINE_EXCEEDED", "It took too long."), "5"],
  [400, new DomainError("conflict", "NAME_TAKEN", "Come back.", 2_000), "2"],
  [422, new DomainError("invalid", "NAME_INVALID", "Choose another."), undefined],
])("a client that may retry is told when: %i, %s", (status, refusal, said) => {
  const headers = new Map<string, string>();
  const reply = { header: (name: string, value: unknown) => headers.set(name, String(value)) };
  sendRetryAfter(refusal, status, reply as never);
  expect(headers.get("retry-after")).toBe(said);
});
