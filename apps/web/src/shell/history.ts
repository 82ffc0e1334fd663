/** What this client notes in each entry of the browser's history; the router leaves the state to us. */
export interface Entry {
  /** Whether going back from here stays in this client. */
  within?: boolean;
  /** Whether the page before is where to go when this one is done with. */
  returns?: boolean;
  /** Of its own for each entry, so that what was scrolled can be found again. */
  entry?: number;
}

/** Numbers the entries. Once, before the router reads the history. */
export function followHistory(history: History) {
  let last = Date.now();
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  history.pushState = (state: object | null, unused, url) =>
    push({ ...state, within: true, entry: ++last } satisfies Entry, unused, url);
  history.replaceState = (state: object | null, unused, url) =>
    replace({ ...state, within: (history.state as Entry | null)?.within, entry: ++last }, unused, url);
}
