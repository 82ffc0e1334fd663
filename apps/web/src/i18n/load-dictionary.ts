import type { Dictionary } from "./dictionary.ts";
import type { Language } from "./language.ts";

const loads: Record<Language, () => Promise<Dictionary>> = {
  en: async () => (await import("./en.ts")).en,
  zh: async () => (await import("./zh.ts")).zh,
};

/** The texts of one language; the page has asked for those that it needs first before this runs (words-first.ts). */
export const loadDictionary = (language: Language) => loads[language]();
