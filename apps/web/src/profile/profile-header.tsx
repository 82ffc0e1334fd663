import type { ReactNode } from "react";
import { Link } from "wouter";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import "../ui/tag.css";

/** Background, picture, name, signature and counts of a person. */
export function ProfileHeader({ user, children }: { user: User; children?: ReactNode }) {
  const { t, format } = useI18n();
  const { counts } = user;
  const numbers = [
    [t.following, counts.following, "following"],
    [t.followers, counts.followers, "followers"],
    [t.likes, counts.likesReceived, null],
    [t.videosCount, counts.videos, null],
  ] as const;
  return (
    <header className="profile-head">
      <div className="profile-background">
        {user.backgroundUrl && <img src={user.backgroundUrl} alt="" />}
      </div>
      <div className="profile-who">
        <span className="profile-avatar">
          <Avatar user={user} size={96} />
        </span>
        <div className="profile-actions">{children}</div>
        <h1>
          <bdi>{user.name}</bdi>
        </h1>
        <p className="profile-username">
          <bdi>@{user.username}</bdi>
          {user.followsYou && !user.followed && <b className="tag">{t.followsYou}</b>}
        </p>
        <dl className="profile-counts">
          {numbers.map(([label, value, list]) => (
            <div key={label}>
              <dd title={format.number(value)}>{format.count(value)}</dd>
              <dt>{list ? <Link href={`/user/${user.id}/${list}`}>{label}</Link> : label}</dt>
            </div>
          ))}
        </dl>
        {user.signature && (
          <p className="profile-signature" dir="auto">
            {user.signature}
          </p>
        )}
      </div>
    </header>
  );
}

export function ProfileSkeleton() {
  const { t } = useI18n();
  return (
    <div className="profile" role="status">
      <span className="unseen">{t.loading}</span>
      <div className="profile-head skeleton" aria-hidden="true">
        <div className="profile-background" />
        <div className="profile-who">
          <i className="bone profile-avatar" />
          <i className="bone profile-bone-name" />
          <i className="bone profile-bone-text" />
        </div>
      </div>
    </div>
  );
}
