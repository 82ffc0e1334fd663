import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { isGone } from "../api/problem.ts";
import { userQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";

/** A person as a card. */
export function ProfileCard({ id }: { id: string }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const { data: user, error } = useQuery({ ...userQuery(api, id), refetchInterval: false, retry: false });
  if (!user) return error && isGone(error) ? <p className="card-gone">{t.profileGone}</p> : null;
  return (
    <Link href={`/user/${id}`} className="profile-card">
      <Avatar user={user} size={48} />
      <span className="video-card-text">
        <strong dir="auto">{user.name}</strong>
        <span>{t.followerCount(format.count(user.counts.followers))}</span>
      </span>
    </Link>
  );
}
