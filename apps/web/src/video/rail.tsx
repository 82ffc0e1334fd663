import { lazy, Suspense, useState } from "react";
import { Link } from "wouter";
import { useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useCommentsOpen } from "../comments/use-comments-open.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useFollow } from "../social/use-follow.ts";
import { useMark } from "../social/use-mark.ts";
import { useReaction } from "../social/use-reaction.ts";
import { Avatar } from "../ui/avatar.tsx";
import {
  BookmarkIcon,
  CheckIcon,
  CommentIcon,
  HeartIcon,
  MoreIcon,
  PlusIcon,
  ShareIcon,
  SoundOffIcon,
  SoundOnIcon,
} from "../ui/icons.tsx";
import { useSound } from "./sound.tsx";
import { useShare } from "./use-share.ts";

const ShareDialog = lazy(() => import("./share-dialog.tsx"));
const VideoMenu = lazy(() => import("./video-menu.tsx"));

/** The actions on a video, from top to bottom. `picture`: the number of that in view. */
export function Rail({ video, active, picture }: { video: Video; active: boolean; picture: number }) {
  const { t, format } = useI18n();
  const { muted, toggle } = useSound();
  const { open, show, hide } = useCommentsOpen();
  const react = useReaction(video);
  const keep = useMark(video, "bookmark");
  const share = useShare(`/video/${video.id}`, video.title);
  const isMember = useUser() !== null;
  const [menu, setMenu] = useState(false);
  const [sharing, setSharing] = useState(false);
  const liked = video.reaction === "like";
  return (
    <div className="rail">
      <Author video={video} />
      <RailButton
        name={t.like}
        text={countText(video.counts.likes)}
        aria-pressed={liked}
        className="rail-like"
        onClick={() => react(liked ? null : "like")}
      >
        <HeartIcon size={32} />
      </RailButton>
      <RailButton
        name={t.comments}
        text={countText(video.counts.comments)}
        aria-expanded={active && open}
        onClick={open ? hide : () => show()}
      >
        <CommentIcon size={30} />
      </RailButton>
      <RailButton
        name={t.bookmark}
        text={countText(video.counts.bookmarks)}
        aria-pressed={video.bookmarked}
        className="rail-bookmark"
        onClick={() => keep(!video.bookmarked)}
      >
        <BookmarkIcon size={28} />
      </RailButton>
      <RailButton name={t.share} onClick={() => (isMember ? setSharing(true) : void share())}>
        <ShareIcon size={28} />
      </RailButton>
      {video.kind !== "pictures" && (
        <RailButton name={muted ? t.soundOn : t.soundOff} text={t.sound} onClick={toggle}>
          {muted ? <SoundOffIcon size={26} /> : <SoundOnIcon size={26} />}
        </RailButton>
      )}
      <button
        type="button"
        className="rail-button"
        aria-label={t.moreActions}
        aria-haspopup="dialog"
        onClick={() => setMenu(true)}
      >
        <span className="rail-icon">
          <MoreIcon size={26} />
        </span>
      </button>
      {sharing && (
        <Suspense fallback={null}>
          <ShareDialog video={video} picture={picture} onClose={() => setSharing(false)} />
        </Suspense>
      )}
      {menu && (
        <Suspense fallback={null}>
          <VideoMenu video={video} picture={picture} onClose={() => setMenu(false)} />
        </Suspense>
      )}
    </div>
  );

  function countText(count: number): string | undefined {
    return count > 0 ? format.count(count) : undefined;
  }
}

interface RailButtonProps extends React.ButtonHTMLAttributes<HTMLButtonElement> {
  name: string;
  /** Shown instead of the name. */
  text?: string | undefined;
}

function RailButton({ name, text, className = "", children, ...button }: RailButtonProps) {
  return (
    <button type="button" className={`rail-button ${className}`} {...button}>
      <span className="rail-icon">{children}</span>
      {text === undefined ? (
        <span>{name}</span>
      ) : (
        <>
          <span className="unseen">{name}</span> <span>{text}</span>
        </>
      )}
    </button>
  );
}

/** The author of the video; a plus follows them and becomes a check mark for a moment. */
function Author({ video: { author } }: { video: Video }) {
  const { t } = useI18n();
  const me = useUser();
  const follow = useFollow(author);
  const [justFollowed, setJustFollowed] = useState(false);
  const shown = me?.id !== author.id && (!author.followed || justFollowed);
  return (
    <div className="rail-author">
      <Link href={`/user/${author.id}`} className="rail-face" aria-label={author.name}>
        <Avatar user={author} size={48} />
      </Link>
      {shown && (
        <button
          type="button"
          className="rail-follow"
          data-done={author.followed}
          aria-label={t.actOn(author.followed ? t.followed : t.follow, author.name)}
          disabled={author.followed}
          onClick={() => {
            if (me) setJustFollowed(true);
            follow(true);
          }}
          onAnimationEnd={() => author.followed && setJustFollowed(false)}
        >
          {author.followed ? <CheckIcon size={14} /> : <PlusIcon size={14} />}
        </button>
      )}
    </div>
  );
}
