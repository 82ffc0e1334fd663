import { expect, test } from "vitest";
import { lazyMediaTool } from "./lazy-media-tool.ts";
import type { MediaInfo, MediaTool } from "./media-tool.ts";

test("the tool is searched once, when it is needed, and again after a failure", async () => {
  let searches = 0;
  const found = { probe: async (file: string) => ({ container: file }) as unknown as MediaInfo } as MediaTool;
  const tool = lazyMediaTool(async () => {
    if (++searches === 1) throw new Error("not installed");
    return found;
  });
  expect(searches).toBe(0);
  await expect(tool.probe("a")).rejects.toThrow("not installed");
  expect(await Promise.all([tool.probe("b"), tool.probe("c")])).toEqual([
    { container: "b" },
    { container: "c" },
  ]);
  expect(searches).toBe(2);
});
