import { describe, expect, it } from "vitest";
import { en } from "./en.ts";
import { isolate, isolating } from "./isolate.ts";
import { zh } from "./zh.ts";

describe.each([
  ["en", en],
  ["zh", zh],
] as const)("names within sentences, %s", (_language, dictionary) => {
  const t = isolating(dictionary);

  it("are unchanged if they change no direction", () => {
    for (const name of ["Ada", "阿达", "ada❤️", "Ζωή"]) expect(t.videoBy(name)).toBe(dictionary.videoBy(name));
    expect(t.feed).toBe(dictionary.feed);
    expect(t.reasons).toEqual(dictionary.reasons);
  });

  it("are isolated if they may change the direction around them", () => {
    for (const name of ["יעל", "علی", "ada\u200f"])
      expect(t.videoBy(name)).toBe(dictionary.videoBy(`\u2068${name}\u2069`));
    expect(t.videoBy("a\u202egpj")).toBe(dictionary.videoBy("\u2068agpj\u2069"));
    expect(t.videoBy("\u2069\u2069x")).toBe(dictionary.videoBy("\u2068x\u2069"));
  });
});

it("isolated text is closed", () => {
  expect(isolate("\u2067a\u202eb")).toBe("\u2068ab\u2069");
});
