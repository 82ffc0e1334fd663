import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { Segmented } from "../ui/segmented.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { useToast } from "../ui/toast.tsx";

type Reason = "spam" | "abuse" | "other";

const MAX_CHARACTERS = 200;

interface Props {
  title: string;
  body?: string;
  send: (report: { reason: Reason; text: string }) => Promise<unknown>;
  onClose: () => void;
}

/** Asks what is wrong with something, for the moderators. */
export function ReportDialog({ title, body, send, onClose }: Props) {
  const { t } = useI18n();
  const toast = useToast();
  const [reason, setReason] = useState<Reason>("spam");
  const [text, setText] = useState("");
  const report = useMutation({
    mutationFn: () => send({ reason, text }),
    onSuccess: () => {
      onClose();
      toast(t.reportSent);
    },
  });
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          report.mutate();
        }}
      >
        {body && <p className="dialog-text">{body}</p>}
        <Segmented
          label={t.reportWhy}
          value={reason}
          options={[
            ["spam", t.reportReasons.spam],
            ["abuse", t.reportReasons.abuse],
            ["other", t.reportReasons.other],
          ]}
          onChange={setReason}
        />
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
