import type { Source } from "../api/types.ts";

/** The state that this client stores in each entry of the browser's history; the router does not use it. */
export interface Entry {
  /** Whether going back from here stays in this client. */
  within?: boolean;
  /** Whether the page before is the target when this one is done. */
  returns?: boolean;
  /** Unique for each entry, so that its scroll position can be restored. */
  entry?: number;
  /** What led to this page. */
  from?: Source;
}

/** Numbers the entries. Call it once, before the router reads the history. */
export function followHistory(history: History) {
  let last = Date.now();
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  history.pushState = (state: object | null, unused, url) =>
    push({ ...state, within: true, entry: ++last } satisfies Entry, unused, url);
  history.replaceState = (state: object | null, unused, url) =>
    replace({ ...state, within: (history.state as Entry | null)?.within, entry: ++last }, unused, url);
}
