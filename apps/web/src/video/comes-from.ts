import type { Source } from "../api/types.ts";
import type { Entry } from "../shell/history.ts";

/** At the end of the address to which a shared link leads. */
const SHARED = "#shared";

/** What led to the page of this video. */
export function comesFrom(): Source {
  if (location.hash === SHARED) return "share";
  return (history.state as Entry | null)?.from ?? "link";
}
