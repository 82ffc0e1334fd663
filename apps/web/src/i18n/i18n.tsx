import { createContext, type ReactNode, use, useEffect, useMemo } from "react";
import { usePreferences } from "../settings/use-preferences.ts";
import type { Dictionary } from "./dictionary.ts";
import { en } from "./en.ts";
import { createFormat, type Format } from "./format.ts";
import { isolating } from "./isolate.ts";
import { type Language, pickLanguage } from "./language.ts";
import { zh } from "./zh.ts";

interface I18n {
  language: Language;
  t: Dictionary;
  format: Format;
}

const Context = createContext<I18n | null>(null);

export function I18nProvider({ children }: { children: ReactNode }) {
  const language = pickLanguage(usePreferences().language, navigator.languages);
  const value = useMemo(
    () => ({ language, t: isolating(language === "zh" ? zh : en), format: createFormat(language) }),
    [language],
  );
  useEffect(() => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  }, [language]);
  return <Context value={value}>{children}</Context>;
}

export function useI18n(): I18n {
  const i18n = use(Context);
  if (!i18n) throw new Error("useI18n outside of I18nProvider");
  return i18n;
}
