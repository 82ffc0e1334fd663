import { useMemo } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { isolating } from "../i18n/isolate.ts";
import { enModerating } from "./en-moderating.ts";
import { zhModerating } from "./zh-moderating.ts";

/** The texts, with those of these pages. */
export function useModerating() {
  const { language, t: common, format } = useI18n();
  const t = useMemo(
    () => ({ ...common, ...isolating(language === "zh" ? zhModerating : enModerating) }),
    [common, language],
  );
  return { t, format };
}
