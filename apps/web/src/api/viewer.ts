import type { QueryClient, QueryKey } from "@tanstack/react-query";
import type { SessionStore } from "./session.ts";

/**
 * After a change of the viewer everything is requested again, what is shown at once. The public feed stays until the
 * new one has arrived, so that a viewer who logs in returns to the same video.
 */
export function forgetViewer(cache: QueryClient) {
  const predicate = ({ queryKey }: { queryKey: QueryKey }) => !isKept(queryKey);
  cache.removeQueries({ predicate, type: "inactive" });
  void cache.resetQueries({ predicate });
  void cache.invalidateQueries({ queryKey: ["feed"] });
}

const isKept = ([what, kind]: QueryKey) => what === "feed-position" || (what === "feed" && kind === "public");

/**
 * Calls `onLogin` whenever somebody logs in, in whatever tab; `isAnother`: not the one who was here last, whose texts
 * must not be found. They stay when a session ends by itself.
 */
export function followViewer(
  session: Pick<SessionStore, "user" | "subscribe">,
  onLogin: (isAnother: boolean) => void,
): void {
  let shown = session.user()?.id;
  let last = shown;
  session.subscribe(() => {
    const now = session.user()?.id;
    if (now === shown) return;
    shown = now;
    if (!now) return;
    const isAnother = last !== undefined && now !== last;
    last = now;
    onLogin(isAnother);
  });
}
