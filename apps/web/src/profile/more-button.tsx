import { useState } from "react";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { MoreIcon } from "../ui/icons.tsx";
import { PersonMenu } from "./person-menu.tsx";

/** Opens the menu of a person. */
export function MoreButton({ user }: { user: User }) {
  const { t } = useI18n();
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className="icon-button"
        aria-label={t.moreActions}
        aria-haspopup="dialog"
        onClick={() => setOpen(true)}
      >
        <MoreIcon size={22} />
      </button>
      {open && <PersonMenu user={user} onClose={() => setOpen(false)} />}
    </>
  );
}
