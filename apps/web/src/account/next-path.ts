import { type MemberAction, memberActions } from "../social/member-actions.ts";

/** The login page that leads to `path` afterwards and says why to log in. */
export function loginPath(path: string, why?: MemberAction): string {
  const inside = safeNext(path);
  const params = new URLSearchParams({ ...(inside !== "/" && { next: inside }), ...(why && { why }) });
  return params.size > 0 ? `/login?${params}` : "/login";
}

const PLACES: [RegExp, MemberAction][] = [
  [/^\/messages\b/, "message"],
  [/^\/upload\b/, "upload"],
  [/^\/me\b/, "profile"],
];

/** Why the visitor of the login page wants to log in, as far as its address tells. */
export function memberActionOf(search: string): MemberAction | undefined {
  const params = new URLSearchParams(search);
  const next = safeNext(params.get("next"));
  return (
    memberActions.find((action) => action === params.get("why")) ??
    PLACES.find(([place]) => place.test(next))?.[1]
  );
}

/** Where to go after a login: a path of this site, never another site, never the login page. */
export function safeNext(next: string | null): string {
  if (!next?.startsWith("/") || /^\/[/\\]/.test(next)) return "/";
  return /^\/(login|register)\b/.test(next) ? "/" : next;
}
