import { useState } from "react";
import type { ActName, Subject } from "../api/types.ts";
import { Dialog } from "../ui/dialog.tsx";
import { ActDialog } from "./act-dialog.tsx";
import { actsOf } from "./acts-of.ts";
import { useModerating } from "./use-moderating.ts";
import "../ui/menu.css";

/** What a moderator can do about something that they come across. */
export default function ModerateDialog({ subject, onClose }: { subject: Subject; onClose: () => void }) {
  const { t } = useModerating();
  const [act, setAct] = useState<ActName | null>(null);
  if (act) return <ActDialog act={act} subjects={[subject]} onDone={onClose} onClose={onClose} />;
  return (
    <Dialog title={t.moderateTitle} onClose={onClose}>
      <div className="menu">
        {actsOf(subject.kind)
          .filter((one) => one !== "dismiss")
          .map((one) => (
            <button key={one} type="button" onClick={() => setAct(one)}>
              {t.acts[one]}
            </button>
          ))}
      </div>
    </Dialog>
  );
}
