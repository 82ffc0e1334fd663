import { useCallback } from "react";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import { useReaction } from "./use-reaction.ts";

/** Takes a video out of the viewer's feeds for good, and offers to take that back. */
export function useNotForMe(video: Video): () => void {
  const { t } = useI18n();
  const toast = useToast();
  const react = useReaction(video);
  const { reaction } = video;
  return useCallback(
    () =>
      react("dislike", {
        onDone: () =>
          toast(t.notForMeDone, { text: t.undo, run: () => react(reaction, { from: "dislike" }) }),
      }),
    [react, reaction, toast, t],
  );
}
