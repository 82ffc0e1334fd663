import { expect, it } from "vitest";
import { Problem } from "../api/problem.ts";
import { en } from "../i18n/en.ts";
import { refusedTitle } from "./refused-title.ts";

it.each([
  ["the line broke", 0, "NETWORK", en.refusedNetwork],
  ["the line is too slow", 408, "BODY_TOO_SLOW", en.refusedNetwork],
  ["too many at once", 429, "TOO_MANY_REQUESTS", en.refusedBusy],
  ["a full disk", 503, "DISK_FULL", en.refusedBusy],
  ["a bug", 500, "INTERNAL", en.refusedBusy],
  ["no video", 422, "NOT_A_VIDEO", en.refusedTitle],
  ["too large", 413, "BODY_TOO_LARGE", en.refusedTitle],
])("tells the outcome of the file: %s", (_what, status, reason, title) => {
  expect(refusedTitle(en, new Problem(status, { reason }))).toBe(title);
});
