import type { Source } from "../api/types.ts";
import type { Entry } from "../shell/history.ts";

/** A cookie of this page's path, which a shared link sets for the moment in which it opens. */
const SHARED = "douya-shared=1";

/** What led to the page of this video. */
export function comesFrom(): Source {
  if (document.cookie.includes(SHARED)) return "share";
  return (history.state as Entry | null)?.from ?? "link";
}
