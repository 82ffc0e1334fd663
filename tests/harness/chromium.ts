import { findProgram } from "#platform/testing/find-program.ts";

/** Chromium uses only the last list of these, so Playwright's own is included. */
const unwantedFeatures = [
  // Two pages of the address bar, which are invisible: they cost every new window more than our own page.
  ...["WebUIOmniboxPopup", "WebUIOmniboxAimPopup"],
  // What Playwright turns off for stability …
  ...["AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "PaintHolding"],
  ...["AvoidCorsURLLoaderRestartOnRedirect", "ThirdPartyStoragePartitioning", "LensOverlay", "MediaRouter"],
  // … and for a browser without requests of its own.
  ...["HttpsUpgrades", "HttpsFirstBalancedModeAutoEnable", "OptimizationHints", "NetworkTimeServiceQuerying"],
  ...["AimEnabled", "PreconnectToSearch"],
];

export const browserFlags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  `--disable-features=${unwantedFeatures.join()}`,
];

/** The Chromium on the PATH that people have, if there is one. */
export function findChromium(): string | undefined {
  return findProgram("chromium", "chromium-browser", "google-chrome");
}

/** The same engine without the window around it, if it is there: a page costs it a third of the processor time. */
export function findHeadlessChromium(): string | undefined {
  return findProgram("chromium-headless-shell") ?? findChromium();
}
