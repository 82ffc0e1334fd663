import { expect, test } from "vitest";
import { localTime, publicationOf, toRequest } from "./publication.ts";

test("a time goes to the server and comes back as the same time of the author's day", () => {
  // Standard time and summer time.
  for (const at of ["2027-01-15T08:30", "2027-07-15T23:59"]) {
    const { publishAt } = toRequest({ when: "time", at }) as { publishAt: string };
    expect(new Date(publishAt).getHours()).toBe(Number(at.slice(11, 13)));
    expect(publicationOf({ draft: true, publishAt })).toEqual({ when: "time", at });
    expect(localTime(new Date(at))).toBe(at);
  }
});

test("without a time it is a draft", () => {
  expect(toRequest({ when: "time", at: "" })).toEqual({ draft: true });
  expect(toRequest({ when: "draft", at: "" })).toEqual({ draft: true });
  expect(toRequest({ when: "now", at: "2027-01-15T08:30" })).toEqual({ draft: false });
  expect(publicationOf({ draft: true, publishAt: null })).toEqual({ when: "draft", at: "" });
});
