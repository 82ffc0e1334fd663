import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { linkify, videoIdOf } from "./linkify.ts";

const linksOf = (text: string) =>
  linkify(text).flatMap((part) => (typeof part === "string" ? [] : part.text));

describe("linkify", () => {
  test.each([
    ["see https://example.com/a?b=c#d.", ["https://example.com/a?b=c#d"]],
    ["(https://example.com/a_(b)) and [http://x.org]", ["https://example.com/a_(b)", "http://x.org"]],
    ["看https://example.com/a，很好！", ["https://example.com/a"]],
    ["看这里http://a.cn。再看https://b.cn/x）", ["http://a.cn", "https://b.cn/x"]],
    ["HTTPS://EXAMPLE.com!?", ["HTTPS://EXAMPLE.com"]],
    ["a\nhttps://example.com\nb", ["https://example.com"]],
    [
      "http://127.0.0.1:8080/video/1 http://localhost:3000",
      ["http://127.0.0.1:8080/video/1", "http://localhost:3000"],
    ],
    [
      "\"https://example.com\" 'https://example.org' <https://example.net>",
      ["https://example.com", "https://example.org", "https://example.net"],
    ],
    ["https://example.com/a,b;c", ["https://example.com/a,b;c"]],
    ["**https://example.com**", ["https://example.com"]],
    ["http://[::1]:8080/x", ["http://[::1]:8080/x"]],
  ])("finds what is one: %s", (text, links) => {
    expect(linksOf(text)).toEqual(links);
  });

  test.each([
    "javascript:alert(1) data:text/html,x file:///etc/passwd ftp://example.com",
    "https://",
    "http:// example.com",
    "https://nodots",
    "https://google.com@evil.example",
    "https://user:secret@evil.example/",
    "https://аpple.com",
    "xhttps://example.com",
    "me@https://example.com",
    "https://exa\u202emple.com".slice(0, 11),
    "https://%zz",
  ])("leaves alone what is none: %s", (text) => {
    expect(linksOf(text)).toEqual([]);
  });

  test("what is hidden by a sign of direction is not part of a link", () => {
    expect(linksOf("https://example.com/\u202egpj.exe")).toEqual(["https://example.com/"]);
    expect(linksOf("https://example.com\u200b.evil.example")).toEqual(["https://example.com"]);
  });

  test("loses no character, and links lead to http alone", () => {
    const bits = fc.constantFrom(
      "https://",
      "http://a.b",
      "(",
      ")",
      ".",
      "看",
      " ",
      "\n",
      "@",
      "x",
      "[",
      "]",
      "\u202e",
    );
    fc.assert(
      fc.property(fc.array(bits, { maxLength: 60 }), (all) => {
        const text = all.join("");
        const parts = linkify(text);
        expect(parts.map((part) => (typeof part === "string" ? part : part.text)).join("")).toBe(text);
        for (const part of parts)
          if (typeof part !== "string") expect(part.href).toMatch(/^https?:\/\/[^@/]+(\/|$)/);
      }),
    );
  });

  test("a long text takes no longer than its length", () => {
    for (const text of [
      "https://".repeat(40_000),
      `https://a.b/${"(".repeat(200_000)}`,
      `https://a.b${")".repeat(200_000)}`,
      "http".repeat(80_000),
    ]) {
      linkify(text);
      // A second for what takes some milliseconds: quadratic would be minutes.
    }
  });
});

test.each([
  ["http://here/video/123", "123"],
  ["http://here/video/123/?x=1", "123"],
  ["http://here/video/abc", undefined],
  ["http://here/user/123", undefined],
  ["http://here.evil/video/123", undefined],
])("the video of %s", (href, id) => {
  expect(videoIdOf(href, "http://here")).toBe(id);
});
