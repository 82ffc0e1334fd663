import { useState } from "react";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { PublicationChoice } from "../video/publication-choice.tsx";
import { VisibilityChoice } from "../video/visibility-choice.tsx";
import { MAX_DESCRIPTION, MAX_TITLE } from "./text-limits.ts";
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
        <TextArea
          label={t.titleLabel}
          placeholder={t.titlePlaceholder}
          value={state.title}
          maxCharacters={MAX_TITLE}
          rows={4}
          readOnly={state.step === "publishing"}
          error={state.problem ? explain(t, state.problem) : undefined}
          onText={(title) => store.write({ title })}
        />
        <TextArea
          label={t.descriptionLabel}
          placeholder={t.descriptionPlaceholder}
          value={state.description}
          maxCharacters={MAX_DESCRIPTION}
          lines
          rows={3}
          readOnly={state.step === "publishing"}
          onText={(description) => store.write({ description })}
        />
        <VisibilityChoice value={state.visibility} onChange={(visibility) => store.write({ visibility })} />
        <PublicationChoice
          value={state.publication}
          onChange={(publication) => store.write({ publication })}
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
