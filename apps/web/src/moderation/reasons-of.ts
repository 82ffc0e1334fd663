import type { ModerationReason } from "../api/types.ts";
import type { enModerating } from "./en-moderating.ts";

/** What can be wrong with something, in words. */
export const reasonsOf = (t: Pick<typeof enModerating, "reportReasons">) =>
  Object.entries(t.reportReasons) as [ModerationReason, string][];
