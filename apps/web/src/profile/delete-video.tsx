import { useQueryClient } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ConfirmDialog } from "../ui/dialog.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";

interface Props {
  video: Video;
  /** Closes the question, answered or not. */
  onClose: () => void;
  onDeleted: () => void;
}

/** Asks whether to delete one's own video, and deletes it. */
export function DeleteVideo({ video, onClose, onDeleted }: Props) {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const known = useKnown();
  const toast = useToast();
  const [path, navigate] = useLocation();
  const remove = useAction({
    mutationFn: () => take(api.DELETE("/api/v1/videos/{id}", { params: { path: { id: video.id } } })),
    onSuccess: () => {
      toast(t.deleted);
      onDeleted();
      if (path === `/video/${video.id}`) navigate("/", { replace: true });
      // Removes it from the feeds at once, without reloading them.
      known.changeVideo(video.id, (now) => ({ ...now, state: "failed", playUrl: null }));
      for (const key of ["me", "user"]) void cache.invalidateQueries({ queryKey: [key] });
      cache.removeQueries({ queryKey: ["video", video.id] });
    },
    onError: onClose,
  });
  return (
    <ConfirmDialog
      title={t.deleteTitle}
      body={t.deleteBody}
      action={t.deleteAction}
      busy={remove.isPending}
      onConfirm={() => remove.mutate()}
      onClose={onClose}
    />
  );
}
