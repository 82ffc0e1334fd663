import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { usePresence } from "../realtime/use-live.ts";
import { Avatar } from "../ui/avatar.tsx";
import "./presence.css";

/** The picture of a person, with a dot while they are here. */
export function Face({ user, size }: { user: Pick<User, "id" | "name" | "avatarUrl">; size: number }) {
  const { t } = useI18n();
  const isHere = usePresence(user.id)?.online === true;
  return (
    <span className="face">
      <Avatar user={user} size={size} />
      {isHere && <span className="online-dot" role="img" aria-label={t.online} />}
    </span>
  );
}
