import { useState } from "react";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { useModerating } from "./use-moderating.ts";

const MAX_CHARACTERS = 200;

interface Props {
  title: string;
  body?: string;
  action: string;
  busy: boolean;
  onConfirm: (reason: string) => void;
  onClose: () => void;
}

/** Asks a moderator for the reason, which the operator's log keeps with the moderator's name. */
export function ReasonDialog({ title, body, action, busy, onConfirm, onClose }: Props) {
  const { t } = useModerating();
  const [reason, setReason] = useState("");
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (reason.trim()) onConfirm(reason.trim());
        }}
      >
        {body && <p className="dialog-text">{body}</p>}
        <TextArea
          label={t.moderationReason}
          rows={2}
          maxCharacters={MAX_CHARACTERS}
          required
          value={reason}
          onText={setReason}
        />
        <DialogActions action={action} busy={busy || !reason.trim()} danger onClose={onClose} />
      </form>
    </Dialog>
  );
}
