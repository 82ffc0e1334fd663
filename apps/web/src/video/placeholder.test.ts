import { expect, test } from "vitest";
import { placeholder } from "./placeholder.ts";

test("a hash becomes a small picture; without one, or with one that is none, there is nothing", () => {
  const hash = "1QcSHQRnh493V4dIh4eXh1h4kJUI";
  expect(placeholder({ thumbHash: hash })?.background).toMatch(/url\(data:image\/png;base64,/);
  expect(placeholder({ thumbHash: hash })).toEqual(placeholder({ thumbHash: hash }));
  for (const thumbHash of [null, "", "%"]) expect(placeholder({ thumbHash })).toBeUndefined();
});
