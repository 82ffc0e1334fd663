import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useReaction } from "../social/use-reaction.ts";
import { Dialog } from "../ui/dialog.tsx";
import { PersonIcon, ShareIcon, ThumbDownIcon } from "../ui/icons.tsx";
import { useShare } from "./use-share.ts";
import "../ui/menu.css";

/** What is seldom wanted of a video. */
export default function VideoMenu({ video, onClose }: { video: Video; onClose: () => void }) {
  const { t } = useI18n();
  const react = useReaction(video);
  const share = useShare(`/video/${video.id}`, video.title);
  const disliked = video.reaction === "dislike";
  return (
    <Dialog title={video.title || t.videoBy(video.author.name)} onClose={onClose}>
      <div className="menu">
        <button type="button" aria-pressed={disliked} onClick={() => react(disliked ? null : "dislike")}>
          <ThumbDownIcon />
          {disliked ? t.undislike : t.dislike}
        </button>
        <button
          type="button"
          onClick={() => {
            onClose();
            void share();
          }}
        >
          <ShareIcon />
          {t.copyLink}
        </button>
        <Link href={`/user/${video.author.id}`} onClick={onClose}>
          <PersonIcon />
          {t.toProfileOf(video.author.name)}
        </Link>
      </div>
    </Dialog>
  );
}
