import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { useToast } from "../ui/toast.tsx";
import { MAX_TITLE } from "../upload/max-title.ts";
import "./edit.css";

/** Changes the title of one's own video. */
export function EditTitle({ video, onClose }: { video: Video; onClose: () => void }) {
  const { t } = useI18n();
  const { api } = useServices();
  const known = useKnown();
  const toast = useToast();
  const [title, setTitle] = useState(video.title);
  const save = useMutation({
    mutationFn: () =>
      take(
        api.PATCH("/api/v1/videos/{id}", {
          params: { path: { id: video.id } },
          body: { title: title.trim() },
        }),
      ),
    onSuccess: (saved) => {
      known.changeVideo(video.id, (now) => ({ ...now, title: saved.title }));
      toast(t.titleChanged);
      onClose();
    },
  });
  return (
    <Dialog title={t.editTitle} onClose={onClose}>
      <form
        className="edit"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <TextArea
          label={t.titleLabel}
          rows={3}
          value={title}
          maxCharacters={MAX_TITLE}
          error={save.error ? explain(t, save.error) : undefined}
          onText={setTitle}
        />
        <DialogActions action={save.isPending ? t.saving : t.save} busy={save.isPending} onClose={onClose} />
      </form>
    </Dialog>
  );
}
