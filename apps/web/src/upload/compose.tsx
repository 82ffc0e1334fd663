import { useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { PostFields } from "../video/post-fields.tsx";
import { Transfer } from "./transfer.tsx";
import type { UploadState, UploadStore } from "./upload-store.ts";

/** What is said of it is written while the file is being sent. */
export function Compose({ state, store }: { state: UploadState; store: UploadStore }) {
  const { t } = useI18n();
  const waiting = state.publishWhenSent && state.step === "sending";
  const { when } = state.publication;
  const actions = { now: t.publish, draft: t.saveDraft, time: t.schedule };
  const whenSent = when === "now" ? t.publishWhenSent : t.saveWhenSent;
  const busy = state.step === "publishing" || waiting;
  return (
    <form
      className="compose"
      onSubmit={(event) => {
        event.preventDefault();
        store.publish();
      }}
    >
      <Preview key={state.previewUrl} url={state.previewUrl} />
      <div className="compose-side">
        <Transfer state={state} onCancel={store.reset} />
        <PostFields
          post={state}
          titleRows={4}
          readOnly={state.step === "publishing"}
          onChange={store.write}
        />
        <button type="submit" className="button button-primary button-wide" disabled={busy}>
          {state.step === "publishing" ? t.publishing : state.step === "sent" ? actions[when] : whenSent}
        </button>
        {waiting && (
          <p className="compose-note" role="status">
            {when === "now" ? t.willPublish : t.willSave}
          </p>
        )}
      </div>
    </form>
  );
}

function Preview({ url }: { url: string | null }) {
  const { t } = useI18n();
  const [failed, setFailed] = useState(false);
  if (!url || failed) return <p className="preview preview-none">{t.noPreview}</p>;
  return (
    <video
      className="preview"
      src={url}
      controls
      playsInline
      muted
      autoPlay
      loop
      aria-label={t.preview}
      onError={() => setFailed(true)}
    />
  );
}
