import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { explain, explainReason } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ConfirmDialog, Dialog } from "../ui/dialog.tsx";
import { TrashIcon } from "../ui/icons.tsx";
import { useToast } from "../ui/toast.tsx";
import { Notices } from "../video/notices.tsx";
import "./edit.css";

/** What the author can see of and do with a video. */
export function OwnVideoDialog({ video, onClose }: { video: Video; onClose: () => void }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const toast = useToast();
  const [asking, setAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/videos/{id}", { params: { path: { id: video.id } } })),
    onSuccess: () => {
      for (const key of ["me", "feed", "user"]) void cache.invalidateQueries({ queryKey: [key] });
      cache.removeQueries({ queryKey: ["video", video.id] });
      toast(t.deleted);
      onClose();
    },
    onError: (error) => {
      toast(explain(t, error));
      setAsking(false);
    },
  });
  if (asking) {
    return (
      <ConfirmDialog
        title={t.deleteTitle}
        body={t.deleteBody}
        action={t.deleteAction}
        busy={remove.isPending}
        onConfirm={() => remove.mutate()}
        onClose={() => setAsking(false)}
      />
    );
  }
  const { failure } = video;
  const states = {
    uploaded: t.stateUploaded,
    processing: t.stateProcessing,
    published: t.stepPublished,
    failed: t.stateFailed,
  };
  return (
    <Dialog title={video.title || t.untitled} onClose={onClose}>
      <p className="dialog-text">
        {states[video.state]} · {format.ago(video.createdAt)} · {format.bytes(video.sizeBytes)}
      </p>
      {failure && <p className="own-failure">{explainReason(t, failure.reason, failure.message)}</p>}
      <Notices video={video} />
      <div className="dialog-actions">
        <button type="button" className="button button-quiet own-delete" onClick={() => setAsking(true)}>
          <TrashIcon size={18} />
          {t.deleteVideo}
        </button>
        {video.state === "published" && (
          <Link href={`/video/${video.id}`} className="button button-primary">
            {t.watch}
          </Link>
        )}
      </div>
    </Dialog>
  );
}
