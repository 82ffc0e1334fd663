import { useCallback } from "react";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import { useReaction } from "./use-reaction.ts";

/** Removes a video from the viewer's feeds for good, with an undo. */
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
