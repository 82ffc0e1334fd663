import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { isGone } from "../api/problem.ts";
import { videoQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { PicturesIcon, PlayIcon } from "../ui/icons.tsx";
import "./links.css";

/** A card for a video of this server. `otherwise`: what is shown if it cannot be seen; nothing where a link is there. */
export function VideoCard({ id, otherwise = null }: { id: string; otherwise?: ReactNode }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data: video, error } = useQuery({ ...videoQuery(api, id), refetchInterval: false, retry: false });
  if (!video) return error && isGone(error) ? otherwise : null;
  return (
    <Link href={`/video/${id}`} className="video-card">
      <span className="video-card-cover">
        {video.coverUrl && <img src={video.coverUrl} alt="" loading="lazy" />}
        {video.kind === "pictures" ? <PicturesIcon size={26} /> : <PlayIcon size={26} />}
      </span>
      <span className="video-card-text">
        <strong dir="auto">{video.title || t.videoBy(video.author.name)}</strong>
        <span dir="auto">{video.author.name}</span>
      </span>
    </Link>
  );
}
