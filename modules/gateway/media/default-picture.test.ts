import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { defaultAvatar, defaultBackground } from "./default-picture.ts";

test.each([
  ["avatar", defaultAvatar, 240, 240],
  ["background", defaultBackground, 320, 180],
] as const)("any number of people share a bounded number of pictures: %s", (_name, draw, width, height) => {
  const pictures = Array.from({ length: 20_000 }, (_, i) => draw(String(7_000_000_000 + i)));
  // Cached, not drawn again: requests cannot exhaust anything.
  expect(new Set(pictures).size).toBe(256);
  expect(draw("7000000000")).toBe(pictures[0]);
  expect([pictures[0]!.readUInt32BE(16), pictures[0]!.readUInt32BE(20)]).toEqual([width, height]);
  expect(Math.max(...pictures.map(({ length }) => length))).toBeLessThan(8 * 1024);
});

test("they are valid PNG pictures", async (ctx) => {
  const directory = await mkdtemp(join(tmpdir(), "default-picture-"));
  try {
    for (const draw of [defaultAvatar, defaultBackground]) {
      const path = join(directory, "picture.png");
      await writeFile(path, draw("1"));
      const args = ["-v", "error", "-i", path, "-f", "null", "-"];
      const { stderr } = await promisify(execFile)("ffmpeg", args).catch((error) => {
        if (error.code === "ENOENT") ctx.skip("needs ffmpeg on the PATH");
        throw error;
      });
      expect(stderr).toBe("");
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
