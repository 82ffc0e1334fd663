import type { ReactNode } from "react";
import { Link } from "wouter";
import { useUser } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { FollowButton } from "../social/follow-button.tsx";
import { Avatar } from "../ui/avatar.tsx";
import "./people.css";

/** A person in a list, with the viewer's actions. */
export function PersonRow({ user, note, lead }: { user: User; note?: string; lead?: ReactNode }) {
  const me = useUser();
  return (
    <li className="person">
      {lead}
      <Link href={`/user/${user.id}`} className="person-who">
        <Avatar user={user} size={50} />
        <span className="person-text">
          <strong dir="auto">{user.name}</strong>
          <span dir="auto">{note ?? (user.signature || `@${user.username}`)}</span>
        </span>
      </Link>
      {me?.id !== user.id && <FollowButton user={user} named />}
    </li>
  );
}
