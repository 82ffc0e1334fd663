import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { EntityText } from "../links/entity-text.tsx";
import { FoldedText } from "../ui/folded-text.tsx";
import { VisibilityMark } from "./visibility-mark.tsx";
import "./caption.css";

/** Author, time, title and description over the lower edge of the video. Long texts open on demand. */
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
        {video.counts.views > 0 && <small>{t.viewsCount(format.count(video.counts.views))}</small>}
        {video.editedAt && <small title={format.ago(video.editedAt)}>{t.edited}</small>}
        <VisibilityMark video={video} />
      </p>
      {video.title ? (
        <FoldedText id={titleId} className="caption-title">
          <EntityText text={video.title} entities={video.titleEntities} />
        </FoldedText>
      ) : (
        <p id={titleId} className="unseen">
          {t.videoBy(video.author.name)}
        </p>
      )}
      {video.description && (
        <FoldedText className="caption-title caption-description">
          <EntityText text={video.description} entities={video.descriptionEntities} />
        </FoldedText>
      )}
    </div>
  );
}
