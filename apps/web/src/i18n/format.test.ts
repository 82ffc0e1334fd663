import { describe, expect, it } from "vitest";
import { clock, createFormat } from "./format.ts";

const en = createFormat("en");
const zh = createFormat("zh");
const NOW = Date.parse("2026-11-20T12:00:00Z");
const ago = (ms: number) => new Date(NOW - ms).toISOString();

describe("format", () => {
  it("says how long ago in the largest fitting unit", () => {
    expect(en.ago(ago(10_000), NOW)).toBe("just now");
    expect(zh.ago(ago(10_000), NOW)).toBe("刚刚");
    expect(en.ago(ago(5 * 60_000), NOW)).toBe("5 minutes ago");
    expect(zh.ago(ago(3 * 3_600_000), NOW)).toBe("3小时前");
    expect(en.ago(ago(26 * 3_600_000), NOW)).toBe("yesterday");
    expect(en.ago(ago(20 * 86_400_000), NOW)).toBe("Oct 31");
    expect(zh.ago(ago(400 * 86_400_000), NOW)).toBe("2025年10月16日");
  });
  it("takes a clock that is ahead for now", () => {
    expect(en.ago(ago(-60_000), NOW)).toBe("just now");
  });
  it("shortens counts as each language does", () => {
    expect([en.count(12_345), zh.count(12_345), zh.count(999)]).toEqual(["12.3K", "1.2万", "999"]);
  });
  it("writes sizes, speeds and spans", () => {
    expect(en.bytes(0)).toBe("0 byte");
    expect(en.bytes(1_160_680)).toBe("1.2 MB");
    expect(en.bytes(2_500_000, true)).toBe("2.5 MB/s");
    expect([en.span(1500), zh.span(200_000)]).toEqual(["2 seconds", "3分钟"]);
  });
  it("writes the clock of a player", () => {
    expect([clock(0), clock(75.9), clock(Number.NaN)]).toEqual(["0:00", "1:15", "0:00"]);
  });
});
