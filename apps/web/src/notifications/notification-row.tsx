import { Link } from "wouter";
import { useUser } from "../api/services.tsx";
import type { Notification } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { FollowButton } from "../social/follow-button.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { AlertIcon, PicturesIcon, PlayIcon } from "../ui/icons.tsx";
import { placeOf, useSentence } from "./sentence.ts";

/** What concerns the viewer: who, what and when; it leads to where it happened. */
export function NotificationRow({ item, isNew }: { item: Notification; isNew: boolean }) {
  const { t, format } = useI18n();
  const sentence = useSentence();
  const me = useUser();
  const { actors, video, at, people, kind } = item;
  const [first] = actors;
  return (
    <li className="notification" data-new={isNew}>
      <Link href={placeOf(item, me?.id ?? "")} className="notification-what">
        <span className="notification-faces">
          {actors.slice(0, 2).map((actor) => (
            <Avatar key={actor.id} user={actor} size={actors.length > 1 ? 36 : 48} />
          ))}
          {actors.length === 0 && <AlertIcon size={28} />}
        </span>
        <span className="notification-text">
          <span>
            {sentence(item)}
            {isNew && <span className="unseen"> ({t.notSeen})</span>}
          </span>
          {video?.title && <span dir="auto">{video.title}</span>}
          <time dateTime={at}>{format.ago(at)}</time>
        </span>
        {video && (
          <span className="notification-cover">
            {video.coverUrl && <img src={video.coverUrl} alt="" loading="lazy" />}
            {!video.coverUrl &&
              (video.kind === "pictures" ? <PicturesIcon size={22} /> : <PlayIcon size={22} />)}
          </span>
        )}
      </Link>
      {kind === "follow" && people === 1 && first && <FollowButton user={first} named />}
    </li>
  );
}
