export interface DeviceName {
  browser: string;
  system: string;
  phone: boolean;
}

/** Order matters: Edge and Opera call themselves Chrome, Chrome calls itself Safari. */
const BROWSERS: [RegExp, string][] = [
  [/\bMicroMessenger\//, "WeChat"],
  [/\bEdgA?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\/|\bFxiOS\//, "Firefox"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/Chrome\/|\bCriOS\//, "Chrome"],
  [/\bSafari\//, "Safari"],
  [/\bokhttp\//, "App"],
  [/\bcurl\//, "curl"],
];
const SYSTEMS: [RegExp, string][] = [
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

/** The common name of the device that sent this User-Agent; null if it is unknown. */
export function describeDevice(userAgent: string): DeviceName | null {
  const browser = BROWSERS.find(([pattern]) => pattern.test(userAgent))?.[1];
  const system = SYSTEMS.find(([pattern]) => pattern.test(userAgent))?.[1];
  if (!browser && !system) return null;
  return {
    browser: browser ?? "App",
    system: system ?? "",
    phone: /\b(iPhone|Android|Mobile)\b/.test(userAgent),
  };
}
