import { createLog } from "../observe/log.ts";
import { changingSettings, type LiveDeclarations, type LiveSettings } from "../settings/live-settings.ts";

/** Declarations of all settings, of which a test cares about some. */
export function declaredSettings(some: Partial<LiveDeclarations> = {}): LiveDeclarations {
  return {
    logLevel: { name: "LEVEL", started: "warn", parse: (text) => text },
    colours: { name: "COLOURS", started: new Map(), parse: () => new Map() },
    limitRates: { name: "RATES", started: new Map(), parse: () => new Map() },
    switchedOff: { name: "OFF", started: new Set(), parse: (text) => new Set(text.split(",")) },
    ...some,
  };
}

/** Settings that stay as they are. */
export function fixedSettings(): LiveSettings {
  return changingSettings(declaredSettings(), { log: createLog("silent") });
}
