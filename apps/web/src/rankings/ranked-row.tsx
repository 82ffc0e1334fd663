import { Link } from "wouter";
import type { Ranking, Video } from "../api/types.ts";
import { clock } from "../i18n/format.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { DownloadIcon, FlameIcon, PicturesIcon, PlayIcon, ShareIcon } from "../ui/icons.tsx";
import { IN_RANKING } from "../video/liked-by.ts";
import { placeholder } from "../video/placeholder.ts";

interface Props {
  video: Video;
  /** From 1. */
  place: number;
  ranking: Ranking;
  /** What the ranking is called in an address. */
  name: string;
  count: number;
}

const icons = { hot: FlameIcon, viewed: PlayIcon, shared: ShareIcon, downloaded: DownloadIcon };
const TOP = 3;

/** A video with its place in a ranking, and why it is there. */
export function RankedRow({ video, place, ranking, name, count }: Props) {
  const { t, format } = useI18n();
  const Icon = icons[ranking];
  return (
    <li>
      <Link href={`/video/${video.id}?${IN_RANKING}=${name}`} className="ranked-row">
        <span className="rank" data-top={place <= TOP}>
          {format.number(place)}
        </span>
        <span className="ranked-cover">
          {video.coverUrl && <img src={video.coverUrl} alt="" loading="lazy" style={placeholder(video)} />}
          <small aria-hidden="true">
            {video.kind === "pictures" ? <PicturesIcon size={14} /> : clock(video.durationMs / 1000)}
          </small>
        </span>
        <span className="ranked-text">
          <strong dir="auto">{video.title || t.videoBy(video.author.name)}</strong>
          <span dir="auto">{video.author.name}</span>
          <span className="ranked-count">
            <Icon size={16} />
            {format.count(count)} <span className="unseen">{t.rankings[ranking]}</span>
          </span>
        </span>
      </Link>
    </li>
  );
}
