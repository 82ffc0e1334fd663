import { useCallback } from "react";
import { useLocation, useSearch } from "wouter";
import type { Entry } from "../shell/history.ts";

const PARAM = "comments";

interface Opened extends Entry {
  opened?: string;
  /** Whether the field has the focus from the start. */
  toWrite?: boolean;
}
const opened = () => history.state as Opened | null;
/** Whether the comments are open but not rendered yet: their code may still be loading. */
export const isDrawerComing = (): boolean =>
  new URLSearchParams(location.search).has(PARAM) && !document.querySelector(".drawer");
/** The comment to which the address leads, if it is one. */
export function useNamedComment(): string | null {
  const named = new URLSearchParams(useSearch()).get(PARAM);
  return named && /^\d+$/.test(named) ? named : null;
}
/** Whether the comments were opened to write one. */
export const isToWrite = (): boolean => opened()?.toWrite === true;

/**
 * Whether the comments are open is part of the address: going back closes them, a link may open them, and a login
 * returns to them.
 */
export function useCommentsOpen() {
  const [path, navigate] = useLocation();
  const search = useSearch();
  const open = new URLSearchParams(search).has(PARAM);
  const show = useCallback(
    ({ toWrite = false } = {}) => {
      if (!open)
        navigate(withParam(path, search, true), { state: { opened: PARAM, toWrite } satisfies Opened });
    },
    [open, path, search, navigate],
  );
  const hide = useCallback(() => {
    if (!open) return;
    if (opened()?.opened === PARAM) history.back();
    else navigate(withParam(path, search, false), { replace: true });
  }, [open, path, search, navigate]);
  return { open, show, hide };
}

function withParam(path: string, search: string, open: boolean): string {
  const params = new URLSearchParams(search);
  if (open) params.set(PARAM, "open");
  else params.delete(PARAM);
  const rest = params.toString();
  return rest ? `${path}?${rest}` : path;
}
