import { expect, it } from "vitest";
import { createConfirmed } from "./confirmed.ts";

it("if all changes fail, the state before the first of them is shown", () => {
  const confirmed = createConfirmed<string>();
  confirmed.begin("a", "none", true);
  confirmed.begin("a", "like", false);
  expect(confirmed.isLast("a")).toBe(false);
  expect(confirmed.failed("a")).toBeUndefined();
  expect(confirmed.isLast("a")).toBe(true);
  expect(confirmed.failed("a")?.state).toBe("none");
});

it("after one that was accepted, a later failure shows that", () => {
  const confirmed = createConfirmed<string>();
  confirmed.begin("a", "none", true);
  confirmed.begin("a", "like", false);
  confirmed.accepted("a", "like");
  expect(confirmed.failed("a")?.state).toBe("like");
  confirmed.begin("a", "like", true);
  expect(confirmed.failed("a")?.state).toBe("like");
});

it("changes that were dropped do not count", () => {
  const confirmed = createConfirmed<string>();
  confirmed.begin("a", "none", true);
  confirmed.begin("a", "like", false);
  confirmed.begin("a", "later", true);
  expect(confirmed.failed("a")?.state).toBe("later");
});
