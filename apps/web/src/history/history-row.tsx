import { Link } from "wouter";
import type { WatchedVideo } from "../api/types.ts";
import { clock } from "../i18n/format.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { CloseIcon } from "../ui/icons.tsx";
import { IN_HISTORY } from "../video/liked-by.ts";
import { placeholder } from "../video/placeholder.ts";

/** A video that was watched, and how far. */
export function HistoryRow({ item, onRemove }: { item: WatchedVideo; onRemove: () => void }) {
  const { t, format } = useI18n();
  const { video, watchedAt } = item;
  const title = video.title || t.videoBy(video.author.name);
  const share = shareOf(item);
  return (
    <li className="history-item">
      <Link href={`/video/${video.id}?${IN_HISTORY}`} className="history-what">
        <span className="history-cover">
          {video.coverUrl && <img src={video.coverUrl} alt="" loading="lazy" style={placeholder(video)} />}
          <i>
            <b style={{ width: `${share * 100}%` }} />
          </i>
        </span>
        <span className="history-text">
          <strong dir="auto">{title}</strong>
          <span dir="auto">{video.author.name}</span>
          <span>
            {howFar()} · <time dateTime={watchedAt}>{format.hours(watchedAt)}</time>
          </span>
        </span>
      </Link>
      <button type="button" className="icon-button" aria-label={t.removeOf(title)} onClick={onRemove}>
        <CloseIcon size={20} />
      </button>
    </li>
  );

  function howFar(): string {
    if (item.ended) return t.watchedToEnd;
    if (video.kind !== "pictures")
      return `${clock(item.positionMs / 1000)} / ${clock(video.durationMs / 1000)}`;
    const at = video.pictures.findIndex(({ number }) => number === item.picture);
    return t.pictureOf(format.number(Math.max(0, at) + 1), format.number(video.pictures.length));
  }
}

/** Between 0 and 1. */
function shareOf({ video, positionMs, picture, ended }: WatchedVideo): number {
  if (ended) return 1;
  if (video.kind !== "pictures") return video.durationMs > 0 ? Math.min(1, positionMs / video.durationMs) : 0;
  const at = video.pictures.findIndex(({ number }) => number === picture);
  return (Math.max(0, at) + 1) / Math.max(1, video.pictures.length);
}
