import type { ReactNode } from "react";
import { Link } from "wouter";
import { useUser } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { FollowButton } from "../social/follow-button.tsx";
import { Avatar } from "../ui/avatar.tsx";
import "../ui/tag.css";
import "./people.css";

/** Somebody in a list: who they are, and what one can do about it. */
export function PersonRow({ user, note, lead }: { user: User; note?: string; lead?: ReactNode }) {
  const { t } = useI18n();
  const me = useUser();
  return (
    <li className="person">
      {lead}
      <Link href={`/user/${user.id}`} className="person-who">
        <Avatar user={user} size={50} />
        <span className="person-text">
          <strong>
            <span>{user.name}</span>
            {user.followsYou && !user.followed && <b className="tag">{t.followsYou}</b>}
          </strong>
          <span>{note ?? (user.signature || `@${user.username}`)}</span>
        </span>
      </Link>
      {me?.id !== user.id && <FollowButton user={user} named />}
    </li>
  );
}
