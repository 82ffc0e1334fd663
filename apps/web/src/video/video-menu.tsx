import { useState } from "react";
import { Link } from "wouter";
import { useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ModerateButton } from "../moderation/moderate-button.tsx";
import { ReasonDialog } from "../moderation/reason-dialog.tsx";
import { ReportDialog } from "../moderation/report-dialog.tsx";
import { type ChangeStep, ChangeVideo } from "../profile/change-video.tsx";
import { DeleteVideo } from "../profile/delete-video.tsx";
import { EditVideo } from "../profile/edit-video.tsx";
import { useAsMember } from "../social/as-member.tsx";
import { useHold } from "../social/use-hold.ts";
import { useMark } from "../social/use-mark.ts";
import { useNotForMe } from "../social/use-not-for-me.ts";
import { useReaction } from "../social/use-reaction.ts";
import { Dialog } from "../ui/dialog.tsx";
import {
  AlertIcon,
  BookmarkIcon,
  ChartIcon,
  DownloadIcon,
  LockIcon,
  PersonIcon,
  RepostIcon,
  ThumbDownIcon,
} from "../ui/icons.tsx";
import { PlaybackChoice, PlaybackRows, type PlaybackStep } from "./playback-menu.tsx";
import { ShareLinks } from "./share-links.tsx";
import "../ui/menu.css";

interface Props {
  video: Video;
  onClose: () => void;
}

/** Rare actions on a video. `picture`: the number of that in view. */
export default function VideoMenu({ video, picture, onClose }: Props & { picture: number }) {
  const { t } = useI18n();
  const me = useUser();
  const hold = useHold(video.id);
  const asMember = useAsMember();
  const [step, setStep] = useState<ChangeStep | PlaybackStep | "hold" | "report" | null>(null);
  const own = me?.id === video.author.id;
  if (step === "report") return <ReportDialog subject={{ kind: "video", id: video.id }} onClose={onClose} />;
  if (step === "edit") return <EditVideo video={video} onClose={onClose} />;
  if (step === "delete") return <DeleteVideo video={video} onClose={onClose} onDeleted={onClose} />;
  if (step === "quality" || step === "speed")
    return <PlaybackChoice video={video} step={step} onClose={onClose} />;
  if (step === "hold")
    return (
      <ReasonDialog
        title={video.held ? t.releaseTitle : t.holdTitle}
        action={video.held ? t.release : t.hold}
        busy={hold.isPending}
        onConfirm={(reason) => hold.mutate({ held: !video.held, reason }, { onSettled: () => setStep(null) })}
        onClose={() => setStep(null)}
      />
    );
  return (
    <Dialog title={video.title || t.videoBy(video.author.name)} onClose={onClose}>
      <div className="menu">
        {video.kind === "video" && <PlaybackRows video={video} onStep={setStep} onClose={onClose} />}
        <Keep video={video} onClose={onClose} />
        {!own && video.visibility === "public" && <Repost video={video} onClose={onClose} />}
        {!own && <NotForMe video={video} onClose={onClose} />}
        <ShareLinks video={video} picture={picture} onClose={onClose} />
        {video.downloadUrl && (
          <a href={video.downloadUrl} download onClick={onClose}>
            <DownloadIcon />
            {t.saveVideo}
          </a>
        )}
        {me?.role === "moderator" && (
          <button
            type="button"
            aria-pressed={video.held}
            disabled={hold.isPending}
            onClick={() => setStep("hold")}
          >
            <LockIcon />
            {video.held ? t.release : t.hold}
          </button>
        )}
        {!own && <ModerateButton subject={{ kind: "video", id: video.id }} />}
        {!own && (
          <button type="button" onClick={() => asMember("report", () => setStep("report"))}>
            <AlertIcon />
            {t.report}
          </button>
        )}
        <Link href={own ? "/me" : `/user/${video.author.id}`} onClick={onClose}>
          <PersonIcon />
          {own ? t.toMyVideos : t.toProfileOf(video.author.name)}
        </Link>
        {own && (
          <Link href={`/figures/${video.id}`} onClick={onClose}>
            <ChartIcon />
            {t.figures}
          </Link>
        )}
        {own && <ChangeVideo onStep={setStep} />}
      </div>
    </Dialog>
  );
}

function Keep({ video, onClose }: Props) {
  const { t } = useI18n();
  const keep = useMark(video, "bookmark");
  return (
    <button
      type="button"
      aria-pressed={video.bookmarked}
      onClick={() => {
        onClose();
        keep(!video.bookmarked);
      }}
    >
      <BookmarkIcon />
      {t.bookmark}
    </button>
  );
}

function Repost({ video, onClose }: Props) {
  const { t, format } = useI18n();
  const repost = useMark(video, "repost");
  const { reposts } = video.counts;
  return (
    <button
      type="button"
      aria-pressed={video.reposted}
      onClick={() => {
        onClose();
        repost(!video.reposted);
      }}
    >
      <RepostIcon />
      {t.repost}
      {reposts > 0 && ` · ${format.count(reposts)}`}
    </button>
  );
}

function NotForMe({ video, onClose }: Props) {
  const { t } = useI18n();
  const react = useReaction(video);
  const notForMe = useNotForMe(video);
  const disliked = video.reaction === "dislike";
  return (
    <button
      type="button"
      onClick={() => {
        onClose();
        if (disliked) react(null);
        else notForMe();
      }}
    >
      <ThumbDownIcon />
      {disliked ? t.undislike : t.dislike}
    </button>
  );
}
