import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Comment } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useAsMember } from "../social/as-member.tsx";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { Segmented } from "../ui/segmented.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { useToast } from "../ui/toast.tsx";

type Reason = "spam" | "abuse" | "other";

const MAX_CHARACTERS = 200;

/** Reports a comment to the moderators. */
export function ReportButton({ comment }: { comment: Comment }) {
  const { t } = useI18n();
  const asMember = useAsMember();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <button
        type="button"
        aria-label={t.reportOf(comment.author.name)}
        onClick={() => asMember("report", () => setAsking(true))}
      >
        {t.report}
      </button>
      {asking && <ReportDialog comment={comment} onClose={() => setAsking(false)} />}
    </>
  );
}

function ReportDialog({ comment, onClose }: { comment: Comment; onClose: () => void }) {
  const { t } = useI18n();
  const { api } = useServices();
  const toast = useToast();
  const [reason, setReason] = useState<Reason>("spam");
  const [text, setText] = useState("");
  const { id: commentId, videoId: id } = comment;
  const report = useMutation({
    mutationFn: () =>
      take(
        api.POST("/api/v1/videos/{id}/comments/{commentId}/report", {
          params: { path: { id, commentId } },
          body: { reason, text },
        }),
      ),
    onSuccess: () => {
      onClose();
      toast(t.reportSent);
    },
  });
  return (
    <Dialog title={t.reportTitle} onClose={onClose}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          report.mutate();
        }}
      >
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
