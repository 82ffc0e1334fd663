import { useState } from "react";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useAsMember } from "../social/as-member.tsx";
import { useBlock } from "../social/use-block.ts";
import { ConfirmDialog, Dialog } from "../ui/dialog.tsx";
import { BlockIcon, ShareIcon } from "../ui/icons.tsx";
import { useShare } from "../video/use-share.ts";
import "../ui/menu.css";

/** What is seldom wanted of a person. */
export function PersonMenu({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useI18n();
  const asMember = useAsMember();
  const block = useBlock(user);
  const share = useShare(`/user/${user.id}`, user.name);
  const [asking, setAsking] = useState(false);
  if (asking) {
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
      <div className="menu">
        <button
          type="button"
          onClick={() => {
            onClose();
            void share();
          }}
        >
          <ShareIcon />
          {t.shareProfile}
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
            onClick={() => asMember("block", () => setAsking(true))}
          >
            <BlockIcon />
            {t.block}
          </button>
        )}
      </div>
    </Dialog>
  );
}
