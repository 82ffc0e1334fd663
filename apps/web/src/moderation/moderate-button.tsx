import { lazy, Suspense, useState } from "react";
import { useUser } from "../api/services.tsx";
import type { Subject } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { LockIcon } from "../ui/icons.tsx";

const ModerateDialog = lazy(() => import("./moderate-dialog.tsx"));

/** For moderators alone, in menus. */
export function ModerateButton({ subject, plain = false }: { subject: Subject; plain?: boolean }) {
  const { t } = useI18n();
  const me = useUser();
  const [open, setOpen] = useState(false);
  if (me?.role !== "moderator") return null;
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        {!plain && <LockIcon />}
        {t.moderate}
      </button>
      {open && (
        <Suspense>
          <ModerateDialog subject={subject} onClose={() => setOpen(false)} />
        </Suspense>
      )}
    </>
  );
}
