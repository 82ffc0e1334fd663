import { useCallback } from "react";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import { shareLink } from "./share.ts";

/** Hands a video's link to the system or to the clipboard, and says so. */
export function useShare({ id, title }: Pick<Video, "id" | "title">) {
  const { t } = useI18n();
  const toast = useToast();
  return useCallback(async () => {
    const touch = matchMedia("(pointer: coarse)").matches;
    const result = await shareLink(`${location.origin}/video/${id}`, title, touch);
    if (result !== "shared") toast(result === "copied" ? t.linkCopied : t.copyFailed);
  }, [id, title, t, toast]);
}
