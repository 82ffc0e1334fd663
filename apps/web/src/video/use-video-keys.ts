import { useEffect } from "react";
import { useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useCommentsOpen } from "../comments/use-comments-open.ts";
import { isForVideos } from "../feed/use-feed-controls.ts";
import { useFollow } from "../social/use-follow.ts";
import { useReaction } from "../social/use-reaction.ts";

/** Keys that do something with the video in view: L likes, C opens the comments, F follows. */
export function useVideoKeys(video: Video, active: boolean) {
  const react = useReaction(video);
  const own = useUser()?.id === video.author.id;
  const follow = useFollow(video.author);
  const { open, show, hide } = useCommentsOpen();
  useEffect(() => {
    if (!active) return;
    const keys: Record<string, () => void> = {
      l: () => react(video.reaction === "like" ? null : "like"),
      c: open ? hide : show,
      ...(!own && { f: () => follow(!video.author.followed) }),
    };
    const onKey = (event: KeyboardEvent) => {
      const act = keys[event.key];
      if (!act || event.repeat || !isForVideos(event)) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [active, own, react, follow, video.reaction, video.author.followed, open, show, hide]);
}
