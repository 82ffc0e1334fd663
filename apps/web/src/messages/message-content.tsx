import type { ReactNode } from "react";
import type { Message } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { EntityText } from "../links/entity-text.tsx";
import { linkify, videoIdOf } from "../links/linkify.ts";
import { VideoCard } from "../links/video-card.tsx";
import { ForwardIcon } from "../ui/icons.tsx";
import { MessagePicture } from "./message-picture.tsx";
import { ProfileCard } from "./profile-card.tsx";

interface Props {
  conversationId: string;
  message: Pick<Message, "content" | "entities" | "forwarded" | "picture" | "videoId" | "profileId">;
  /** Of whom it is; absent while it is on its way. */
  by?: string;
  quote?: ReactNode;
}

/** What a message says and shows, below what it answers; with a card for a linked video of this server. */
export function MessageContent({ conversationId, message, by, quote }: Props) {
  const { t } = useI18n();
  const { content, entities = [], forwarded, picture, videoId, profileId } = message;
  const linkedId = videoIn(content);
  return (
    <div className="bubble-stack">
      {forwarded && (
        <span className="bubble-forwarded">
          <ForwardIcon size={14} />
          {t.forwarded}
        </span>
      )}
      {(content || quote) && (
        <div className={by ? "bubble" : "bubble bubble-waiting"}>
          {by && (
            <span className="unseen">
              <bdi>{by}</bdi>:{" "}
            </span>
          )}
          {quote}
          {content && (
            <p dir="auto">
              <EntityText text={content} entities={entities} />
            </p>
          )}
        </div>
      )}
      {picture && <MessagePicture picture={picture} by={by ?? ""} list={["messages", conversationId]} />}
      {videoId && <VideoCard id={videoId} otherwise={<p className="card-gone">{t.videoGone}</p>} />}
      {profileId && <ProfileCard id={profileId} />}
      {linkedId && linkedId !== videoId && <VideoCard id={linkedId} />}
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
