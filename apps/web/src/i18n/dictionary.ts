import type { en } from "./en.ts";
import type { reasons } from "./en-reasons.ts";

type Translated<Texts> = {
  [Key in keyof Texts]: Texts[Key] extends string
    ? string
    : Texts[Key] extends (...holes: never[]) => string
      ? Texts[Key]
      : Translated<Texts[Key]>;
};

/** The keys of English with any texts: a translation with a missing or an unknown key does not compile. */
export type Dictionary = Translated<Omit<typeof en, "reasons">> & {
  reasons: Record<keyof typeof reasons, string>;
};
