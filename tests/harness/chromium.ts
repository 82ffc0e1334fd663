import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

const names = ["chromium", "chromium-browser", "google-chrome"];

/** Chromium heeds only the last list of these, so that Playwright's own stands in it as well. */
const unwantedFeatures = [
  // Two pages of the address bar, which nobody sees: they cost every new window more than our own page does.
  ...["WebUIOmniboxPopup", "WebUIOmniboxAimPopup"],
  // What Playwright turns off for a steady page …
  ...["AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "PaintHolding"],
  ...["AvoidCorsURLLoaderRestartOnRedirect", "ThirdPartyStoragePartitioning", "LensOverlay", "MediaRouter"],
  // … and for a browser that asks nobody else.
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

/** The Chromium on the PATH, if there is one. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  return names
    .flatMap((name) => folders.map((folder) => join(folder, name)))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
