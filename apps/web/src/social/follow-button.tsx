import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useFollow } from "./use-follow.ts";

/** Follow, or the present relationship; pressing that unfollows. */
export function FollowButton({ user, named = false }: { user: User; named?: boolean }) {
  const { t } = useI18n();
  const follow = useFollow(user);
  const { followed, followsYou, name } = user;
  const text = followed ? (followsYou ? t.friends : t.followed) : followsYou ? t.followBack : t.follow;
  return (
    <button
      type="button"
      className={followed ? "button follow button-quiet" : "button follow button-primary"}
      aria-label={named ? t.actOn(text, name) : undefined}
      onClick={() => follow(!followed)}
    >
      {text}
    </button>
  );
}
