import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { FoldedText } from "../ui/folded-text.tsx";
import "./caption.css";

/** Author, title and time over the lower edge of the video. A long title opens on demand. */
export function Caption({ video, titleId }: { video: Video; titleId: string }) {
  const { t, format } = useI18n();
  const time = video.publishedAt ?? video.createdAt;
  return (
    <div className="caption">
      <p className="caption-author">
        <Link href={`/user/${video.author.id}`} dir="auto">
          {video.author.name}
        </Link>
        <time dateTime={time}>{format.ago(time)}</time>
      </p>
      {video.title ? (
        <FoldedText id={titleId} className="caption-title">
          {video.title}
        </FoldedText>
      ) : (
        <p id={titleId} className="unseen">
          {t.videoBy(video.author.name)}
        </p>
      )}
    </div>
  );
}
