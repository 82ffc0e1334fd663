import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { type Api, take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useAsMember } from "./as-member.tsx";
import { type Reaction, withCount, withReaction } from "./relations.ts";
import { type Step, useOptimistic } from "./use-optimistic.ts";

interface Options {
  /** The current reaction, if it is not the rendered one. */
  from?: Reaction;
  /** Called when it is shown, unless the viewer is a guest. */
  onDone?: () => void;
}
type React = (to: Reaction, options?: Options) => void;

/** Likes and dislikes a video. */
export function useReaction({ id, reaction, author }: Video): React {
  const { api } = useServices();
  const me = useUser();
  const cache = useQueryClient();
  const known = useKnown();
  const asMember = useAsMember();

  const show = useCallback(
    (to: Reaction) => known.changeVideo(id, (now) => withReaction(now, to)),
    [known, id],
  );
  const count = useCallback(
    ({ from, to }: Step<Reaction>) => {
      const by = Number(to === "like") - Number(from === "like");
      if (by === 0) return;
      known.changeUser(author.id, (user) => withCount(user, "likesReceived", by));
      if (me) known.changeUser(me.id, (user) => withCount(user, "likesGiven", by));
    },
    [known, author.id, me],
  );
  const change = useOptimistic<Reaction>({
    scope: `reaction ${id}`,
    show,
    count,
    send: (step) => send(api, id, step),
    onSuccess: () =>
      void cache.invalidateQueries({ queryKey: ["user", me?.id, "likes"], refetchType: "none" }),
  });
  return useCallback(
    (to, { from = reaction, onDone } = {}) =>
      asMember(to === "dislike" ? "dislike" : "like", () => {
        change({ from, to });
        if (to !== from) onDone?.();
      }),
    [asMember, change, reaction],
  );
}

function send(api: Api, id: string, { from, to }: Step<Reaction>) {
  const path = { params: { path: { id } } };
  if (to === "like") return take(api.PUT("/api/v1/videos/{id}/like", path));
  if (to === "dislike") return take(api.PUT("/api/v1/videos/{id}/dislike", path));
  return take(
    from === "like"
      ? api.DELETE("/api/v1/videos/{id}/like", path)
      : api.DELETE("/api/v1/videos/{id}/dislike", path),
  );
}
