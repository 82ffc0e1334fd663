export type Language = "en" | "zh";

/** The first supported language of the browser; English otherwise. */
export function pickLanguage(wanted: "auto" | Language, spoken: readonly string[]): Language {
  if (wanted !== "auto") return wanted;
  for (const tag of spoken) {
    const [base] = tag.toLowerCase().split("-");
    if (base === "zh" || base === "en") return base;
  }
  return "en";
}
