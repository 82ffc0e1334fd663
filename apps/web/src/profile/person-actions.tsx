import { useLocation } from "wouter";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useAsMember } from "../social/as-member.tsx";
import { FollowButton } from "../social/follow-button.tsx";
import { MessageIcon } from "../ui/icons.tsx";

/** What one can do about somebody else, on their page. */
export function PersonActions({ user }: { user: User }) {
  const { t } = useI18n();
  const asMember = useAsMember();
  const [, navigate] = useLocation();
  return (
    <>
      <FollowButton user={user} />
      <button
        type="button"
        className="icon-button"
        aria-label={t.writeTo(user.name)}
        onClick={() => asMember("message", () => navigate(`/messages/${user.id}`))}
      >
        <MessageIcon size={22} />
      </button>
    </>
  );
}
