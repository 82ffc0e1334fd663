import { useEffect } from "react";
import { useServices, useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { isDrawerComing, isToWrite, useCommentsOpen } from "../comments/use-comments-open.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { usePreferences } from "../settings/use-preferences.ts";
import { useFollow } from "../social/use-follow.ts";
import { useReaction } from "../social/use-reaction.ts";
import { useToast } from "../ui/toast.tsx";
import { isInDrawer, letterOf, typed } from "./for-videos.ts";

/** Letters that control the video in view: L likes, C opens the comments to write one, F follows. */
export function useVideoKeys(video: Video, active: boolean) {
  const { t } = useI18n();
  const { letterKeys } = usePreferences();
  const toast = useToast();
  const react = useReaction(video);
  const { author } = video;
  const { drafts } = useServices();
  const me = useUser();
  const own = me?.id === author.id;
  const isMember = me !== null;
  const follow = useFollow(author);
  const { open, show, hide } = useCommentsOpen();
  useEffect(() => {
    if (!active || !letterKeys) return;
    const onKey = (event: KeyboardEvent) => {
      if (isDrawerComing()) return keepForDrawer(event);
      const letter = letterOf(event);
      const drawer = document.querySelector(".drawer");
      if (isInDrawer(document.activeElement)) {
        if (letter === "c") drawer?.querySelector("textarea")?.focus();
        else return;
      } else if (letter === "l") react(video.reaction === "like" ? null : "like");
      else if (letter === "c") open ? hide() : show({ toWrite: true });
      else if (letter === "f" && !own) changeFollow();
      else return;
      event.preventDefault();
    };
    // Characters typed while the field is loading appear in it.
    const keepForDrawer = (event: KeyboardEvent) => {
      const where = `comments/${video.id}`;
      const text = isMember && isToWrite() ? typed(drafts.get(where), event) : undefined;
      if (text === undefined) return;
      event.preventDefault();
      drafts.set(where, text);
    };
    // Without a message it might go unnoticed: no visible button was pressed.
    const changeFollow = () => {
      follow(!author.followed);
      if (author.followed) toast(t.unfollowed(author.name), { text: t.undo, run: () => follow(true, false) });
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [
    active,
    letterKeys,
    own,
    isMember,
    drafts,
    react,
    follow,
    video.id,
    video.reaction,
    author,
    open,
    show,
    hide,
    toast,
    t,
  ]);
}
