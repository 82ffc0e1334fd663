import { type RefObject, useEffect } from "react";
import { usePreferences } from "../settings/use-preferences.ts";
import { useMedia } from "../ui/use-media.ts";

/** The browser's bars take the colour of the page: dark around videos on a phone. */
export function useThemeColor(path: string, main: RefObject<HTMLElement | null>) {
  const { theme } = usePreferences();
  const dark = useMedia("(prefers-color-scheme: dark)");
  // biome-ignore lint/correctness/useExhaustiveDependencies: what the colours come from.
  useEffect(() => {
    if (!main.current) return;
    const [page, body] = [main.current, document.body].map((one) => getComputedStyle(one).backgroundColor);
    const meta = document.querySelector<HTMLMetaElement>("meta[name=theme-color]");
    if (meta) meta.content = (page === "rgba(0, 0, 0, 0)" ? body : page) ?? "";
  }, [main, path, theme, dark]);
}
