import { useState } from "react";
import { useUser } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { SendToFriends } from "../messages/send-to-friends.tsx";
import { ModerateButton } from "../moderation/moderate-button.tsx";
import { ReportDialog } from "../moderation/report-dialog.tsx";
import { useAsMember } from "../social/as-member.tsx";
import { useBlock } from "../social/use-block.ts";
import { ConfirmDialog, Dialog } from "../ui/dialog.tsx";
import { AlertIcon, BlockIcon } from "../ui/icons.tsx";
import { ShareLink } from "../video/share-link.tsx";
import "../ui/menu.css";

/** Rare actions on a person. */
export function PersonMenu({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useI18n();
  const me = useUser();
  const asMember = useAsMember();
  const block = useBlock(user);
  const [asking, setAsking] = useState<"block" | "report" | null>(null);
  if (asking === "report") return <ReportDialog subject={{ kind: "user", id: user.id }} onClose={onClose} />;
  if (asking === "block") {
    return (
      <ConfirmDialog
        title={t.blockTitle(user.name)}
        body={t.blockBody}
        action={t.block}
        busy={block.isPending}
        onConfirm={() => block.mutate(true, { onSettled: onClose })}
        onClose={onClose}
      />
    );
  }
  return (
    <Dialog title={user.name} onClose={onClose}>
      {me && me.id !== user.id && <SendToFriends me={me} what={{ profileId: user.id }} />}
      <div className="menu">
        <ShareLink path={`/user/${user.id}`} title={user.name} text={t.shareProfile} onClose={onClose} />
        <ModerateButton subject={{ kind: "user", id: user.id }} />
        <button type="button" onClick={() => asMember("report", () => setAsking("report"))}>
          <AlertIcon />
          {t.report}
        </button>
        {user.blocked ? (
          <button
            type="button"
            disabled={block.isPending}
            onClick={() => block.mutate(false, { onSettled: onClose })}
          >
            <BlockIcon />
            {t.unblock}
          </button>
        ) : (
          <button
            type="button"
            className="menu-danger"
            onClick={() => asMember("block", () => setAsking("block"))}
          >
            <BlockIcon />
            {t.block}
          </button>
        )}
      </div>
    </Dialog>
  );
}
