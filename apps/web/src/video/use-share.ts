import { useCallback } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import { shareLink } from "./share.ts";

/** Shares a link with the system or the clipboard, and confirms it. */
export function useShare(path: string, title: string) {
  const { t } = useI18n();
  const toast = useToast();
  return useCallback(async () => {
    const touch = matchMedia("(pointer: coarse)").matches;
    const result = await shareLink(location.origin + path, title, touch);
    if (result !== "shared") toast(result === "copied" ? t.linkCopied : t.copyFailed);
  }, [path, title, t, toast]);
}
