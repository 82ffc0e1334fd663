import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { clock } from "../i18n/format.ts";
import { useI18n } from "../i18n/i18n.tsx";

/** A cover that leads to its video. */
export function VideoTile({ video }: { video: Video }) {
  const { t } = useI18n();
  return (
    <Link href={`/video/${video.id}`} className="tile" aria-label={t.openVideo(video.title)}>
      {video.coverUrl && <img src={video.coverUrl} alt="" loading="lazy" />}
      <span className="tile-shade" aria-hidden="true">
        <span className="tile-title">{video.title}</span>
        <span className="tile-time">{clock(video.durationMs / 1000)}</span>
      </span>
    </Link>
  );
}
