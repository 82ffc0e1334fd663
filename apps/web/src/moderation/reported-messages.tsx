import { Link } from "wouter";
import type { QueueEntry } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { whatShows } from "../messages/message-cache.ts";
import { MessagePicture } from "../messages/message-picture.tsx";

/** A reported message with what was said before and after it. */
export function ReportedMessages({ messages }: { messages: NonNullable<QueueEntry["messages"]> }) {
  const { t, format } = useI18n();
  return (
    <ol className="reported-lines">
      {messages.map(({ sender, text: content, sentAt, reported, picture, shown, videoId, profileId }, i) => {
        const shows = whatShows({
          ...(picture && !shown && { picture: true }),
          ...(videoId && { videoId }),
          ...(profileId && { profileId }),
        });
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list never changes.
          <li key={i} className={reported ? "reported-text" : undefined} dir="auto">
            {sender ? <Link href={`/user/${sender.id}`}>{sender.name}</Link> : t.groups.somebody}
            {": "}
            {[shows && t.shown[shows], content].filter(Boolean).join(" ")}{" "}
            <time dateTime={sentAt}>{format.moment(sentAt)}</time>
            {shown && <MessagePicture picture={shown} by={sender?.name ?? ""} list={["moderation"]} />}
          </li>
        );
      })}
    </ol>
  );
}
