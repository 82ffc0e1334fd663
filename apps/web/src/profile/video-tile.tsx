import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { clock } from "../i18n/format.ts";
import { useI18n } from "../i18n/i18n.tsx";
import type { Entry } from "../shell/history.ts";
import { PicturesIcon, PlayIcon } from "../ui/icons.tsx";
import { KEPT, LIKED_BY } from "../video/liked-by.ts";
import { placeholder } from "../video/placeholder.ts";
import { VisibilityMark } from "../video/visibility-mark.tsx";

/** The list in which a video is found, of several authors: somebody's likes or reposts, or what the viewer keeps. */
interface Found {
  likedBy?: string;
  kept?: boolean;
  reposted?: boolean;
}

/** A cover that links to its video; with the author in lists of several authors. */
export function VideoTile({ video, likedBy, kept, reposted }: { video: Video } & Found) {
  const { t, format } = useI18n();
  const pictures = video.pictures.length;
  return (
    <Link
      href={`/video/${video.id}${likedBy ? `?${LIKED_BY}=${likedBy}` : kept ? `?${KEPT}` : ""}`}
      state={{ from: "profile" } satisfies Entry}
      className="tile"
    >
      {video.coverUrl && <img src={video.coverUrl} alt="" loading="lazy" style={placeholder(video)} />}
      <span className="unseen">{pictures > 0 ? t.viewPictures(video.title) : t.openVideo(video.title)}</span>
      <VisibilityMark video={video} />
      {pictures > 0 && (
        <span className="tile-pictures">
          <PicturesIcon size={16} />
          <span aria-hidden="true">{format.number(pictures)}</span>
          <span className="unseen">{t.picturesCount(format.number(pictures))}</span>
        </span>
      )}
      <span className="tile-shade">
        <span className="tile-likes">
          <PlayIcon size={15} />
          {format.count(video.counts.views)} <span className="unseen">{t.views}</span>
        </span>
        {likedBy || kept || reposted ? (
          <span className="tile-title" dir="auto">
            {video.author.name}
          </span>
        ) : (
          video.kind === "video" && <span className="tile-time">{clock(video.durationMs / 1000)}</span>
        )}
      </span>
    </Link>
  );
}
