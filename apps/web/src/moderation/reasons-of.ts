import type { ModerationReason } from "../api/types.ts";
import type { Dictionary } from "../i18n/dictionary.ts";

/** What can be wrong with something, in words. */
export const reasonsOf = (t: Pick<Dictionary, "reportReasons">) =>
  Object.entries(t.reportReasons) as [ModerationReason, string][];
