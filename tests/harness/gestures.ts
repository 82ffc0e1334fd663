import type { Locator, Page } from "playwright-core";
import { zh } from "#apps/web/src/i18n/zh.ts";
import type { Visitor } from "./browser.ts";

/** Limits the browser's bandwidth in bytes per second; undefined: no limit. */
export async function limitUpload({ devtools }: Visitor, bytesPerSecond?: number): Promise<void> {
  const line = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: bytesPerSecond ?? -1 };
  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions", line);
}

/** Drags a file from outside of the browser over an element, and drops it. */
export async function dropFile({ devtools }: Visitor, target: Locator, path: string): Promise<void> {
  const box = (await target.boundingBox())!;
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await devtools.send("Input.dispatchDragEvent", { type, ...at, data });
}

/** A quick swipe over the middle of the screen; upwards, or to the left, if `distancePx` is negative. */
export async function swipe(
  { devtools, page }: Visitor,
  distancePx: number,
  axis: "x" | "y" = "y",
): Promise<void> {
  const { width, height } = page.viewportSize()!;
  const steps = 12;
  const startS = Date.now() / 1000;
  // By the finger's clock, so that it is quick on a slow machine.
  const middle = { x: width / 2, y: height / 2 };
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", share: number) =>
    devtools.send("Input.dispatchTouchEvent", {
      type,
      touchPoints:
        type === "touchEnd" ? [] : [{ ...middle, [axis]: middle[axis] + distancePx * (share - 0.5) }],
      timestamp: startS + share * 0.1,
    });
  await touch("touchStart", 0);
  for (let step = 1; step <= steps; step++) await touch("touchMove", step / steps);
  await touch("touchEnd", 1.1);
}

/** A finger drags something down by this many pixels and lets go. */
export async function drag({ devtools }: Visitor, target: Locator, distancePx: number): Promise<void> {
  const box = (await target.boundingBox())!;
  const steps = 10;
  const touch = (type: "touchStart" | "touchMove", share: number) =>
    devtools.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: [{ x: box.x + 20, y: box.y + box.height / 2 + distancePx * share }],
    });
  await touch("touchStart", 0);
  for (let step = 1; step <= steps; step++) await touch("touchMove", step / steps);
  await devtools.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
}

/** Two quick taps on the upper left part of an element. */
export async function doubleTap({ devtools }: Visitor, target: Locator): Promise<void> {
  const { x, y, width, height } = (await target.boundingBox())!;
  const touchPoints = [{ x: x + width / 3, y: y + height / 3 }];
  const startS = Date.now() / 1000;
  // By the finger's clock, so that they are quick on a slow machine.
  const touch = (type: "touchStart" | "touchEnd", afterS: number) =>
    devtools.send("Input.dispatchTouchEvent", {
      type,
      touchPoints: type === "touchStart" ? touchPoints : [],
      timestamp: startS + afterS,
    });
  await touch("touchStart", 0);
  await touch("touchEnd", 0.03);
  await touch("touchStart", 0.1);
  await touch("touchEnd", 0.13);
}

/** Deletes one's own comment on a Chinese phone: its button, then that of the question. */
export async function deleteComment(page: Page, text: string): Promise<void> {
  const mine = page.locator(".comment", { hasText: text });
  await mine.getByRole("button", { name: zh.deleteAction }).tap();
  const question = page.getByRole("dialog", { name: zh.deleteCommentTitle });
  await question.getByRole("button", { name: zh.deleteAction }).tap();
}
