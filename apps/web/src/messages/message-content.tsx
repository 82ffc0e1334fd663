import { LinkedText } from "../links/linked-text.tsx";
import { linkify, videoIdOf } from "../links/linkify.ts";
import { VideoCard } from "../links/video-card.tsx";

/** The text of a message, and a card for the first linked video of this server. */
export function MessageContent({ content, by }: { content: string; by?: string }) {
  const videoId = videoIn(content);
  return (
    <div className="bubble-stack">
      <p className={by ? "bubble" : "bubble bubble-waiting"} dir="auto">
        {by && (
          <span className="unseen">
            <bdi>{by}</bdi>:{" "}
          </span>
        )}
        <LinkedText text={content} />
      </p>
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
