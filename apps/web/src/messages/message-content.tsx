import type { ReactNode } from "react";
import { LinkedText } from "../links/linked-text.tsx";
import { linkify, videoIdOf } from "../links/linkify.ts";
import { VideoCard } from "../links/video-card.tsx";

/** The text of a message below what it answers, and a card for the first linked video of this server. */
export function MessageContent({ content, by, quote }: { content: string; by?: string; quote?: ReactNode }) {
  const videoId = videoIn(content);
  return (
    <div className="bubble-stack">
      <div className={by ? "bubble" : "bubble bubble-waiting"}>
        {by && (
          <span className="unseen">
            <bdi>{by}</bdi>:{" "}
          </span>
        )}
        {quote}
        <p dir="auto">
          <LinkedText text={content} />
        </p>
      </div>
      {videoId && <VideoCard id={videoId} />}
    </div>
  );
}

function videoIn(content: string): string | undefined {
  for (const part of linkify(content)) {
    const id = typeof part !== "string" && videoIdOf(part.href, location.origin);
    if (id) return id;
  }
  return undefined;
}

/** Whether a message is only a link of a video. */
export const isVideoLink = (content: string): boolean =>
  videoIn(content) !== undefined && linkify(content.trim()).length === 1;
