import { Link } from "wouter";
import { useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useHold } from "../social/use-hold.ts";
import { useReaction } from "../social/use-reaction.ts";
import { Dialog } from "../ui/dialog.tsx";
import { LockIcon, PersonIcon, ShareIcon, ThumbDownIcon } from "../ui/icons.tsx";
import { useShare } from "./use-share.ts";
import "../ui/menu.css";

/** What is seldom wanted of a video. */
export default function VideoMenu({ video, onClose }: { video: Video; onClose: () => void }) {
  const { t } = useI18n();
  const react = useReaction(video);
  const share = useShare(`/video/${video.id}`, video.title);
  const me = useUser();
  const hold = useHold(video.id);
  const own = me?.id === video.author.id;
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
        {me?.role === "moderator" && (
          <button
            type="button"
            aria-pressed={video.held}
            disabled={hold.isPending}
            onClick={() => hold.mutate(!video.held)}
          >
            <LockIcon />
            {video.held ? t.release : t.hold}
          </button>
        )}
        {/* One's own are changed and deleted there. */}
        <Link href={own ? "/me" : `/user/${video.author.id}`} onClick={onClose}>
          <PersonIcon />
          {own ? t.toMyVideos : t.toProfileOf(video.author.name)}
        </Link>
      </div>
    </Dialog>
  );
}
