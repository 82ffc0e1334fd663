import { useLayoutEffect, useRef, useState } from "react";
import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import "./caption.css";

/** Author, title and time over the lower edge of the video. A long title opens on demand. */
export function Caption({ video, titleId }: { video: Video; titleId: string }) {
  const { t, format } = useI18n();
  const [open, setOpen] = useState(false);
  const [long, setLong] = useState(false);
  const text = useRef<HTMLParagraphElement>(null);
  useLayoutEffect(() => {
    const box = text.current;
    if (!box) return;
    const measure = () => {
      if (box.dataset.open !== "true") setLong(box.scrollHeight > box.clientHeight + 2);
    };
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  const time = video.publishedAt ?? video.createdAt;
  return (
    <div className="caption">
      <p className="caption-author">
        <Link href={`/user/${video.author.id}`}>{video.author.name}</Link>
        <time dateTime={time}>{format.ago(time)}</time>
      </p>
      <p id={titleId} className={video.title ? "caption-title" : "unseen"} ref={text} data-open={open}>
        {video.title || t.videoBy(video.author.name)}
      </p>
      {long && video.title && (
        <button type="button" className="caption-more" aria-expanded={open} onClick={() => setOpen(!open)}>
          {open ? t.less : t.more}
        </button>
      )}
    </div>
  );
}
