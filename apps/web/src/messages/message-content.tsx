import { LinkedText } from "../links/linked-text.tsx";
import { linkify, videoIdOf } from "../links/linkify.ts";
import { VideoCard } from "../links/video-card.tsx";

/** What a message says: its words, and a card for the first video of this server in it. */
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

/** Whether a message is the link of a video and nothing else. */
export const isVideoLink = (content: string): boolean =>
  videoIn(content) !== undefined && linkify(content.trim()).length === 1;
