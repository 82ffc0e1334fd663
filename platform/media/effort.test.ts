import { expect, test } from "vitest";
import { expectedMs, refuseTooHeavy } from "./effort.ts";
import type { MediaInfo } from "./media-tool.ts";

const info = (width: number, height: number, fps: number, seconds: number, complies = false) =>
  ({
    ...{ width, height, storedWidth: width, storedHeight: height, fps, durationMs: seconds * 1000 },
    ...{ videoComplies: complies, bitsPerSecond: 1 },
  }) as MediaInfo;
const small = { maxShortSidePx: 720, cores: 2, maxMs: 20 * 60_000 };

test("what a phone records is taken, whole quarters of an hour in 8K or at high rates in 4K are not", () => {
  for (const taken of [info(1080, 1920, 60, 900), info(3840, 2160, 30, 900), info(7680, 4320, 30, 60)])
    expect(() => refuseTooHeavy(taken, small)).not.toThrow();
  expect(() => refuseTooHeavy(info(7680, 4320, 60, 900), small)).toThrow(
    expect.objectContaining({
      kind: "too-large",
      reason: "VIDEO_TOO_HEAVY",
      message:
        "The video is too much work for this server: 7680×4320 at 60 frames a second for 900 seconds would take it " +
        "about 125 minutes, and 20 are allowed. Export it at 1920×1080, or cut it to 144 seconds.",
    }),
  );
  expect(() => refuseTooHeavy(info(3840, 2160, 240, 600), small)).toThrow();
  expect(() => refuseTooHeavy(info(3840, 2160, 30, 900), { ...small, cores: 1 })).toThrow();
});

test("what is copied costs no more than its cover, and an unknown rate is the usual one", () => {
  const compliant = info(720, 1280, 30, 900, true);
  expect(expectedMs(compliant, 720, 2)).toBeLessThan(10_000);
  expect(expectedMs(info(720, 1280, 30, 900), 720, 2)).toBeGreaterThan(100_000);
  expect(expectedMs(info(720, 1280, 0, 60), 720, 2)).toBe(expectedMs(info(720, 1280, 30, 60), 720, 2));
});
