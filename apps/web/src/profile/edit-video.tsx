import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { asProblem } from "../api/problem.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { PictureChoice, toKept } from "../pictures/picture-choice.tsx";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { TickBox } from "../ui/tick-box.tsx";
import { useToast } from "../ui/toast.tsx";
import { MAX_DESCRIPTION, MAX_TITLE } from "../upload/text-limits.ts";
import { publicationOf, toRequest } from "../video/publication.ts";
import { PublicationChoice } from "../video/publication-choice.tsx";
import { VisibilityChoice } from "../video/visibility-choice.tsx";
import { type Cover, CoverChoice } from "./cover-choice.tsx";
import { sendCover } from "./send-cover.ts";
import "./edit.css";

/** What the author may change of a video. */
export function EditVideo({ video, onClose }: { video: Video; onClose: () => void }) {
  const { t } = useI18n();
  const { api, sendRaw } = useServices();
  const known = useKnown();
  const cache = useQueryClient();
  const toast = useToast();
  const [draft, setDraft] = useState({
    title: video.title,
    description: video.description,
    visibility: video.visibility,
    commentsAllowed: video.commentsAllowed,
    downloadAllowed: video.downloadAllowed,
    publication: publicationOf(video),
  });
  const [cover, setCover] = useState<Cover>();
  const [pictures, setPictures] = useState(video.pictures);
  const set = (change: Partial<typeof draft>) => setDraft((now) => ({ ...now, ...change }));
  const unpublished = video.state !== "published" && video.state !== "failed";
  const save = useMutation({
    mutationFn: async () => {
      const { publication, ...rest } = draft;
      const before = publicationOf(video);
      // What is as it was is not sent: the form has minutes only.
      const changed = publication.when !== before.when || publication.at !== before.at;
      const kept = toKept(video.pictures, pictures);
      // A draft without a time loses the one that it had.
      const when = { ...(publication.when === "draft" && { publishAt: null }), ...toRequest(publication) };
      const saved = await take(
        api.PATCH("/api/v1/videos/{id}", {
          params: { path: { id: video.id } },
          body: {
            ...rest,
            title: draft.title.trim(),
            ...(unpublished && changed && when),
            ...(cover && "atMs" in cover && { coverAtMs: cover.atMs }),
            ...(kept && { pictures: kept }),
          },
        }),
      );
      if (!cover || !("file" in cover)) return saved;
      return sendCover(sendRaw, video.id, cover.file);
    },
    onSuccess: (saved) => {
      known.changeVideo(video.id, (now) => ({ ...now, ...saved }));
      void cache.invalidateQueries({ queryKey: ["user", video.author.id] });
      void cache.invalidateQueries({ queryKey: ["me"] });
      void cache.invalidateQueries({ queryKey: ["comments", video.id] });
      toast(t.videoChanged);
      onClose();
    },
  });
  const problem = save.error ? explain(t, save.error) : undefined;
  const ofDescription = save.error && asProblem(save.error).reason === "DESCRIPTION_INVALID";
  return (
    <Dialog title={t.editVideo} onClose={onClose}>
      <form
        className="edit"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <TextArea
          label={t.titleLabel}
          rows={2}
          value={draft.title}
          maxCharacters={MAX_TITLE}
          error={ofDescription ? undefined : problem}
          onText={(title) => set({ title })}
        />
        <TextArea
          label={t.descriptionLabel}
          placeholder={t.descriptionPlaceholder}
          rows={3}
          value={draft.description}
          maxCharacters={MAX_DESCRIPTION}
          lines
          error={ofDescription ? problem : undefined}
          onText={(description) => set({ description })}
        />
        {video.kind === "pictures" && video.coverUrl && (
          <PictureChoice value={pictures} onChange={setPictures} />
        )}
        {video.playUrl && <CoverChoice video={video} value={cover} onChange={setCover} />}
        <VisibilityChoice value={draft.visibility} onChange={(visibility) => set({ visibility })} />
        {unpublished && (
          <PublicationChoice value={draft.publication} onChange={(publication) => set({ publication })} />
        )}
        <div>
          <TickBox
            type="checkbox"
            label={t.commentsAllowed}
            checked={draft.commentsAllowed}
            onChange={(commentsAllowed) => set({ commentsAllowed })}
          />
          {video.kind === "video" && (
            <TickBox
              type="checkbox"
              label={t.downloadAllowed}
              checked={draft.downloadAllowed}
              onChange={(downloadAllowed) => set({ downloadAllowed })}
            />
          )}
        </div>
        <DialogActions action={save.isPending ? t.saving : t.save} busy={save.isPending} onClose={onClose} />
      </form>
    </Dialog>
  );
}
