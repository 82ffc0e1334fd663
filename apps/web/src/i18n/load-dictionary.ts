import type { Dictionary } from "./dictionary.ts";
import type { Language } from "./language.ts";

const loads: Record<Language, () => Promise<Dictionary>> = {
  en: async () => (await import("./en.ts")).en,
  zh: async () => (await import("./zh.ts")).zh,
};

/** The texts of one language; the page has asked for those that it needs first before this runs (words-first.ts). */
export const loadDictionary = (language: Language) => loads[language]();

const AGAIN_MS = 1000;

/** The texts to begin with: asked for once more after a moment, and then those of the other language. */
export async function loadFirstWords(
  language: Language,
): Promise<{ language: Language; dictionary: Dictionary }> {
  const of = async (one: Language) => ({ language: one, dictionary: await loadDictionary(one) });
  return of(language)
    .catch(async () => {
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      return of(language);
    })
    .catch(() => of(language === "en" ? "zh" : "en"));
}
