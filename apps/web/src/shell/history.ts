/**
 * Marks entries made inside the client, so that a back button knows whether "back" stays here. The
 * router pushes with a null state.
 */
export function followHistory(history: History) {
  const push = history.pushState.bind(history);
  history.pushState = (state: unknown, unused, url) =>
    push({ ...(state as object), within: true }, unused, url);
}
