import { useCallback } from "react";
import { useLocation, useSearch } from "wouter";
import type { Entry } from "../shell/history.ts";

const PARAM = "comments";

/**
 * Whether the comments are open is part of the address: going back closes them, a link may open them, and who
 * logs in from there comes back to them.
 */
export function useCommentsOpen() {
  const [path, navigate] = useLocation();
  const open = new URLSearchParams(useSearch()).has(PARAM);
  const show = useCallback(() => {
    if (!open) navigate(`${path}?${PARAM}`, { state: { opened: PARAM } });
  }, [open, path, navigate]);
  const hide = useCallback(() => {
    if (!open) return;
    if ((history.state as (Entry & { opened?: string }) | null)?.opened === PARAM) history.back();
    else navigate(path, { replace: true });
  }, [open, path, navigate]);
  return { open, show, hide };
}
