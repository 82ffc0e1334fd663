import { useLocation } from "wouter";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useAsMember } from "../social/as-member.tsx";
import { FollowButton } from "../social/follow-button.tsx";
import { useBlock } from "../social/use-block.ts";
import { MessageIcon } from "../ui/icons.tsx";

/** The viewer's actions on the page of another person. */
export function PersonActions({ user }: { user: User }) {
  const { t } = useI18n();
  const asMember = useAsMember();
  const [, navigate] = useLocation();
  const block = useBlock(user);
  return (
    <>
      {user.blocked ? (
        <button
          type="button"
          className="button button-quiet"
          disabled={block.isPending}
          onClick={() => block.mutate(false)}
        >
          {t.unblock}
        </button>
      ) : (
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
      )}
    </>
  );
}
