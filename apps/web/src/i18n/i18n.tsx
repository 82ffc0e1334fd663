import { createContext, type ReactNode, use, useEffect, useMemo, useState } from "react";
import { useLocation } from "wouter";
import { usePreferences } from "../settings/use-preferences.ts";
import type { Dictionary } from "./dictionary.ts";
import { createFormat, type Format } from "./format.ts";
import { isolating } from "./isolate.ts";
import { type Language, pickLanguage } from "./language.ts";
import { loadDictionary } from "./load-dictionary.ts";

interface I18n {
  language: Language;
  t: Dictionary;
  format: Format;
}

/** A language with its texts. */
export interface Words {
  language: Language;
  dictionary: Dictionary;
}

const Context = createContext<I18n | null>(null);

/** `first` are the texts before anything is shown; those of a language that is chosen later replace them once they are there. */
export function I18nProvider({ first, children }: { first: Words; children: ReactNode }) {
  const wanted = pickLanguage(usePreferences().language, navigator.languages);
  const [words, setWords] = useState(first);
  const { language } = words;
  const [path] = useLocation();
  // biome-ignore lint/correctness/useExhaustiveDependencies: what failed is asked for again on the next page.
  useEffect(() => {
    if (wanted === language) return;
    let late = false;
    loadDictionary(wanted).then(
      (dictionary) => !late && setWords({ language: wanted, dictionary }),
      // The server is away: it stays as it is until the next page.
      () => {},
    );
    return () => {
      late = true;
    };
  }, [wanted, language, path]);
  const value = useMemo(
    () => ({ language, t: isolating(words.dictionary), format: createFormat(language) }),
    [language, words],
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
