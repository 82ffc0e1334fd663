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
  ])("finds a link: %s", (text, links) => {
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
  ])("finds no link: %s", (text) => {
    expect(linksOf(text)).toEqual([]);
  });

  test("text hidden by a direction character is not part of a link", () => {
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

  test.each([
    ["İ", "two in lower case"],
    ["ẞ", "one in lower case"],
    ["ﬃ", "three in upper case"],
    ["𝔘", "two units"],
    ["ſ", "an s in upper case"],
    ["\u212a", "the sign for kelvin"],
  ])("letters whose case changes their length move no position: %s", (letter) => {
    const text = `${letter.repeat(3)} HttpS://example.com/${letter} ${letter}http://a.b.`;
    expect(linkify(text)).toEqual([
      `${letter.repeat(3)} `,
      { href: "https://example.com/", text: "HttpS://example.com/" },
      `${letter} ${letter}`,
      { href: "http://a.b/", text: "http://a.b" },
      ".",
    ]);
  });

  test("a scheme without a link does not hide the next link", () => {
    expect(linksOf("http://(http://example.com)")).toEqual(["http://example.com"]);
    expect(linksOf("http://,https://a.b/c,d")).toEqual(["https://a.b/c,d"]);
    expect(linksOf(`https://a.b/${"x".repeat(3000)} http://c.d`)).toEqual(["http://c.d"]);
  });

  test.each([
    ["schemes", "https://"],
    ["schemes in brackets", "http://("],
    ["schemes after commas", "http://a,"],
    ["schemes after closing brackets", "http://a.b)("],
    ["hosts that are none", "http://%zz("],
    ["names before hosts", "http://a@("],
    ["hosts", "(http://a.b "],
    ["brackets", "("],
    ["closing brackets", ")"],
    ["beginnings", "http"],
    ["dots", "."],
  ])("a text ten times as long takes about ten times as long: %s", (_what, bit) => {
    const costUs = (length: number) => {
      const texts = [bit, "https://a.b/"].map((start) => start + bit.repeat(length / bit.length));
      const costs = Array.from({ length: 3 }, () => {
        // In processor time, which other programs on the machine do not change.
        const before = process.cpuUsage();
        for (const text of texts) linkify(text);
        const { user, system } = process.cpuUsage(before);
        return user + system;
      });
      return Math.min(...costs);
    };
    costUs(10_000);
    // Quadratic would be a hundred times, and seconds.
    expect(costUs(100_000)).toBeLessThan(30 * costUs(10_000) + 50_000);
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
