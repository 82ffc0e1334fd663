/** The login page that leads to `path` afterwards. */
export function loginPath(path: string): string {
  const inside = safeNext(path);
  return inside === "/" ? "/login" : `/login?next=${encodeURIComponent(inside)}`;
}

/** Where to go after a login: a path of ours, never another site, never the login itself. */
export function safeNext(next: string | null): string {
  if (!next?.startsWith("/") || /^\/[/\\]/.test(next)) return "/";
  return /^\/(login|register)\b/.test(next) ? "/" : next;
}
