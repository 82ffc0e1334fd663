import { expect, test } from "vitest";
import { mergeParameters } from "./parameters.ts";

test.each([
  [123, "must be text"],
  [true, "must be text"],
  [null, "must be text"],
  [{ id: "1" }, "must be text"],
  [["1", "2"], "is given twice"],
])("a parameter that is %j %s", (value, why) => {
  expect(() => mergeParameters({ video_id: value }).get("video_id")).toThrow(`video_id ${why}.`);
});
