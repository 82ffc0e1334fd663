import type { Preferences } from "../settings/preferences.ts";

/** Writes the chosen theme where the stylesheet reads it, now and at every change. */
export function followTheme(preferences: Preferences, root: HTMLElement) {
  const apply = () => {
    const { theme } = preferences.get();
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
  };
  apply();
  preferences.subscribe(apply);
}
