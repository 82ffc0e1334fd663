import { expect, test } from "vitest";
import type { LiveDeclarations, LiveSettings } from "../settings/live-settings.ts";
import { declaredSettings } from "./fixed-settings.ts";

/** What every source of live settings keeps to. */
export function liveSettingsContract(open: (declared: LiveDeclarations) => Promise<LiveSettings>): void {
  const declared = declaredSettings();

  test("what was set nowhere is what the process was started with", async () => {
    const settings = await open(declared);
    expect(settings.current("logLevel")).toBe("warn");
  });

  test("whoever watches may stop, more than once", async () => {
    const settings = await open(declared);
    const stops = [settings.watch("logLevel", () => {}), settings.watch("logLevel", () => {})];
    for (const stop of [...stops, ...stops]) stop();
    expect(settings.current("logLevel")).toBe("warn");
  });
}
