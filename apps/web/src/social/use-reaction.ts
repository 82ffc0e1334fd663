import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { type Api, take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAsMember } from "./as-member.tsx";
import { type Reaction, withCount, withReaction } from "./relations.ts";

interface Step {
  from: Reaction;
  to: Reaction;
}

interface Options {
  /** What is thought of the video now, where this is not what it was when it was drawn. */
  from?: Reaction;
  /** Called when it is shown, unless the viewer is a guest. */
  onDone?: () => void;
}
type React = (to: Reaction, options?: Options) => void;

/** Liking and disliking a video: shown at once, taken back with the reason when the server refuses. */
export function useReaction(video: Video): React {
  const { api } = useServices();
  const { t } = useI18n();
  const me = useUser();
  const cache = useQueryClient();
  const known = useKnown();
  const toast = useToast();
  const asMember = useAsMember();
  const { id, reaction, author } = video;

  const apply = useCallback(
    ({ from, to }: Step) => {
      const by = Number(to === "like") - Number(from === "like");
      known.changeVideo(id, (now) => (now.reaction === from ? withReaction(now, to) : now));
      if (by === 0) return;
      known.changeUser(author.id, (user) => withCount(user, "likesReceived", by));
      if (me) known.changeUser(me.id, (user) => withCount(user, "likesGiven", by));
    },
    [known, id, author.id, me],
  );
  const { mutate } = useMutation({
    // One after the other, in the order of the taps.
    scope: { id: `reaction ${id}` },
    mutationFn: (step: Step) => send(api, id, step),
    onError: (error, { from, to }) => {
      apply({ from: to, to: from });
      toast(explain(t, error));
    },
    onSuccess: () =>
      void cache.invalidateQueries({ queryKey: ["user", me?.id, "likes"], refetchType: "none" }),
  });
  return useCallback(
    (to, { from = reaction, onDone } = {}) =>
      asMember(to === "dislike" ? "dislike" : "like", () => {
        if (to === from) return;
        const step = { from, to };
        apply(step);
        mutate(step);
        onDone?.();
      }),
    [asMember, apply, mutate, reaction],
  );
}

function send(api: Api, id: string, { from, to }: Step) {
  const path = { params: { path: { id } } };
  if (to === "like") return take(api.PUT("/api/v1/videos/{id}/like", path));
  if (to === "dislike") return take(api.PUT("/api/v1/videos/{id}/dislike", path));
  return take(
    from === "like"
      ? api.DELETE("/api/v1/videos/{id}/like", path)
      : api.DELETE("/api/v1/videos/{id}/dislike", path),
  );
}
