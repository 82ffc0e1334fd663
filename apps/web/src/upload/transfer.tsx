import { useI18n } from "../i18n/i18n.tsx";
import { CheckIcon, CloseIcon } from "../ui/icons.tsx";
import { ProgressBar } from "./progress-bar.tsx";
import type { UploadState } from "./upload-store.ts";

/** The progress and speed of an upload, and how to stop it. */
export function Transfer({ state, onCancel }: { state: UploadState; onCancel: () => void }) {
  const { t, format } = useI18n();
  const total = state.file?.size ?? 0;
  const share = total > 0 ? Math.min(1, state.sentBytes / total) : 0;
  const sending = state.step === "sending";
  const leftMs = state.bytesPerSecond > 0 ? ((total - state.sentBytes) / state.bytesPerSecond) * 1000 : 0;
  return (
    <section className="transfer">
      <div className="transfer-head">
        <div className="transfer-name">
          <strong>{state.file?.name}</strong>
          <span>
            {state.waiting
              ? t.waitingForLine
              : sending
                ? t.sendingDetail(
                    format.bytes(state.sentBytes),
                    format.bytes(total),
                    format.bytes(state.bytesPerSecond, true),
                  )
                : `${t.sent} · ${format.bytes(total)}`}
          </span>
        </div>
        <button
          type="button"
          className="icon-button"
          aria-label={sending ? t.cancelUpload : t.chooseAnother}
          onClick={onCancel}
        >
          <CloseIcon />
        </button>
      </div>
      <ProgressBar label={t.sending} share={share} />
      <p className="transfer-left">
        {sending ? (
          <>
            {format.percent(share)}
            {leftMs > 0 && !state.waiting && ` · ${t.secondsLeft(format.span(leftMs))}`}
          </>
        ) : (
          <span className="transfer-done">
            <CheckIcon size={18} />
            {t.sent}
          </span>
        )}
      </p>
    </section>
  );
}
