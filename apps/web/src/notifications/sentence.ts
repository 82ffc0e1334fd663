import type { Notification } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { isolate } from "../i18n/isolate.ts";

/** Says what happened. */
export function useSentence(): (item: Notification) => string {
  const { t, format } = useI18n();
  return ({ kind, people, actors, video }) => {
    const texts = t.notified;
    const names = actors.slice(0, people > 2 ? 1 : 2).map(({ name }) => isolate(name));
    const more = people - names.length;
    const by = [names, more, format.number(more)] as const;
    const ofPictures = video?.kind === "pictures";
    switch (kind) {
      case "like":
        return ofPictures ? texts.likePictures(...by) : texts.like(...by);
      case "comment":
        return ofPictures ? texts.commentPictures(...by) : texts.comment(...by);
      case "published":
        return ofPictures ? texts.publishedPictures : texts.published;
      case "failed":
        return ofPictures ? texts.failedPictures : texts.failed;
      case "held":
        return ofPictures ? texts.heldPictures : texts.held;
      case "moderation":
        return texts.moderation;
      default:
        return texts[kind](...by);
    }
  };
}

/** Where it happened. */
export function placeOf({ kind, video, commentId, actors, people }: Notification, myId: string): string {
  if (kind === "failed") return "/me";
  if (kind === "invitation") return "/messages";
  if (kind === "moderation") return "/moderation/mine";
  if (video) return commentId ? `/video/${video.id}?comments=${commentId}` : `/video/${video.id}`;
  return people === 1 && actors[0] ? `/user/${actors[0].id}` : `/user/${myId}/followers`;
}
