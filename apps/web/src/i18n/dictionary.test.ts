import { expect, it } from "vitest";
import { Problem } from "../api/problem.ts";
import { en } from "./en.ts";
import { explain, explainReason } from "./explain.ts";
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
it("names what is used of a quota, what is allowed, and what helps where nothing can be deleted", () => {
  const said = "You keep 0 MB of the 500 MB that you may keep here, and this file does not fit.";
  expect(explainReason(en, "QUOTA_EXCEEDED", said)).toMatch(/^You use 0 MB of the 500 MB .*smaller one/);
  expect(explainReason(zh, "QUOTA_EXCEEDED", said)).toContain("可存放 500 MB，已用 0 MB");
  expect(explainReason(en, "QUOTA_EXCEEDED", "At most 5 MB.")).toBe("At most 5 MB.");
});
it("says when to try again, wherever the server has said it", () => {
  for (const status of [429, 503])
    for (const reason of [...Object.keys(en.reasons), "USER_UNAVAILABLE", "BRAND_NEW"]) {
      const problem = new Problem(status, { reason, detail: "At most 3.", retryAfterMs: 20_000 });
      const once = (words: string, again: string) => expect(words.split(again), reason).toHaveLength(2);
      once(explain(en, problem), "Try again in 20 seconds.");
      once(explain(zh, problem), "请在20秒钟后重试。");
      expect(explain(en, problem)).not.toMatch(/\{|tomorrow\. Try|moment/);
    }
  const proxy = new Problem(429, {});
  expect(explain(en, proxy)).toBe("Too many attempts. Try again in a moment.");
  expect(explain(zh, new Problem(500, {}))).toBe("服务器出错了。请稍后再试。");
  expect(explain(en, new Problem(503, { reason: "BUSY", retryAfterMs: 7_200_000 }))).toMatch(/in 2 hours\.$/);
  // A permanent refusal is not retried.
  expect(explain(en, new Problem(422, { reason: "NAME_INVALID" }))).not.toContain("again");
  const full = { reason: "UNPUBLISHED_TOO_MUCH", detail: "You have 512 MB.", retryAfterMs: 60_000 };
  expect(explain(en, new Problem(429, full))).toMatch(/^You have 512 MB .* Try again in 60 seconds\.$/);
});
it("picks the first language it speaks", () => {
  expect(pickLanguage("auto", ["fr-FR", "zh-TW", "en"])).toBe("zh");
  expect(pickLanguage("auto", ["en-GB", "zh"])).toBe("en");
  expect(pickLanguage("auto", ["de"])).toBe("en");
  expect(pickLanguage("zh", ["en"])).toBe("zh");
});
