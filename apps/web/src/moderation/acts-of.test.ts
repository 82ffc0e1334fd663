import { expect, test } from "vitest";
import { actsOf as actsOfServer, subjectKinds, timedActs } from "#contracts/moderation-names.ts";
import { actsOf, timed } from "./acts-of.ts";

test("what is offered is what the server does", () => {
  for (const kind of subjectKinds) expect(new Set(actsOf(kind))).toEqual(new Set(actsOfServer[kind]));
  expect(new Set(timed)).toEqual(new Set(timedActs));
});

test("what would change nothing is not offered", () => {
  const standing = { kept: false, commentsLocked: false, mutedUntil: null, suspendedUntil: null };
  const offered = (reach: "full" | "down") => actsOf("video", { ...standing, reach });
  expect(offered("full")).not.toContain("restore");
  expect(offered("down")).toContain("restore");
  expect(offered("down")).not.toContain("take-down");
});
