import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { ModerationReason, SubjectKind } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { Segmented } from "../ui/segmented.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { useToast } from "../ui/toast.tsx";
import { reasonsOf } from "./reasons-of.ts";
import { useModerating } from "./use-moderating.ts";

const MAX_CHARACTERS = 200;

interface Props {
  subject: { kind: SubjectKind; id: string; conversationId?: string };
  onClose: () => void;
}

/** Asks what is wrong with something, for the moderators. */
export function ReportDialog({ subject, onClose }: Props) {
  const { t } = useModerating();
  const { api } = useServices();
  const toast = useToast();
  const [reason, setReason] = useState<ModerationReason>("spam");
  const [text, setText] = useState("");
  const report = useMutation({
    mutationFn: () => take(api.POST("/api/v1/reports", { body: { subject, reason, text } })),
    onSuccess: () => {
      onClose();
      toast(t.reportSent);
    },
  });
  return (
    <Dialog title={t.reportTitles[subject.kind]} onClose={onClose}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          report.mutate();
        }}
      >
        {subject.kind === "message" && <p className="dialog-text">{t.reportMessageBody}</p>}
        <Segmented label={t.reportWhy} value={reason} options={reasonsOf(t)} onChange={setReason} />
        <TextArea
          label={t.reportText}
          rows={2}
          maxCharacters={MAX_CHARACTERS}
          value={text}
          error={report.error ? explain(t, report.error) : undefined}
          onText={setText}
        />
        <DialogActions action={t.reportSend} busy={report.isPending} onClose={onClose} />
      </form>
    </Dialog>
  );
}
