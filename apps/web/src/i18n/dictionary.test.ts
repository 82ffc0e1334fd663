import { expect, it } from "vitest";
import { en } from "./en.ts";
import { explainReason } from "./explain.ts";
import { pickLanguage } from "./language.ts";
import { zh } from "./zh.ts";

it("translates every text, with the same holes", () => {
  const holes = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const [reason, words] of Object.entries(en.reasons)) {
    expect(holes(zh.reasons[reason as keyof typeof zh.reasons]), reason).toEqual(holes(words));
  }
  for (const [key, words] of Object.entries(zh)) {
    if (typeof words === "string" && key !== "appName") expect(words, key).toMatch(/\p{Script=Han}/u);
  }
});
it("names the limit of the server, and falls back to its words", () => {
  const said = "The video is longer than 300 seconds. Cut it and send it again.";
  expect(explainReason(zh, "VIDEO_TOO_LONG", said)).toContain("300 秒");
  expect(explainReason(en, "VIDEO_TOO_LONG", "Too long.")).toBe("Too long.");
  expect(explainReason(zh, "BRAND_NEW", "Something new.")).toBe("Something new.");
});
it("picks the first language it speaks", () => {
  expect(pickLanguage("auto", ["fr-FR", "zh-TW", "en"])).toBe("zh");
  expect(pickLanguage("auto", ["en-GB", "zh"])).toBe("en");
  expect(pickLanguage("auto", ["de"])).toBe("en");
  expect(pickLanguage("zh", ["en"])).toBe("zh");
});
