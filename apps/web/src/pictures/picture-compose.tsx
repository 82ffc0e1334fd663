import { useRef } from "react";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { CheckIcon, PlusIcon } from "../ui/icons.tsx";
import { ProgressBar } from "../upload/progress-bar.tsx";
import { PostFields } from "../video/post-fields.tsx";
import { PictureRow } from "./picture-row.tsx";
import { PICTURE_TYPES } from "./picture-types.ts";
import { MAX_PICTURES, type PictureUploadState, type PictureUploadStore } from "./picture-upload-store.ts";
import "./picture-compose.css";

/** The pictures of a post: their order, what they show, and what is said of all. */
export function PictureCompose({ state, store }: { state: PictureUploadState; store: PictureUploadStore }) {
  const { t, format } = useI18n();
  const { drafts, step } = state;
  const publishing = step === "publishing";
  const actions = { now: t.picturesPublish, draft: t.saveDraft, time: t.schedule };
  const sent = drafts.filter(({ uploadId }) => uploadId).length;
  const refused = drafts.some(({ problem }) => problem);
  const all = drafts.reduce((sum, { file }) => sum + file.size, 0);
  const done = drafts.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  return (
    <form
      className="compose picture-compose"
      onSubmit={(event) => {
        event.preventDefault();
        store.publish();
      }}
    >
      <section className="picture-drafts" aria-label={t.carousel}>
        <div className="picture-drafts-head">
          <h2>{t.picturesTitle(format.number(drafts.length), format.number(MAX_PICTURES))}</h2>
          <button type="button" className="button button-quiet" onClick={store.reset}>
            {t.picturesDiscard}
          </button>
        </div>
        <ol>
          {drafts.map(({ key, previewUrl, alt, uploadId, problem }, at) => (
            <PictureRow
              key={key}
              at={at}
              count={drafts.length}
              src={previewUrl}
              alt={alt}
              locked={publishing}
              removable
              mark={uploadId && <Sent />}
              problem={problem ? explain(t, problem) : undefined}
              onAlt={(text) => store.describe(key, text)}
              onMove={(by) => store.move(key, by)}
              onRemove={() => store.remove(key)}
            />
          ))}
        </ol>
        {drafts.length < MAX_PICTURES && <AddPictures onFiles={store.add} disabled={publishing} />}
      </section>
      <div className="compose-side">
        <div className="picture-progress">
          <ProgressBar label={t.sending} share={all > 0 ? Math.min(1, done / all) : 0} />
          <p className="compose-note">
            {sent === drafts.length
              ? t.picturesSent
              : t.picturesSending(format.number(sent), format.number(drafts.length))}
          </p>
        </div>
        <PostFields post={state} titleRows={3} readOnly={publishing} onChange={store.write} />
        <button
          type="submit"
          className="button button-primary button-wide"
          disabled={publishing || refused || drafts.length === 0}
        >
          {publishing ? t.publishing : actions[state.publication.when]}
        </button>
        {refused && (
          <p className="compose-note" role="status">
            {t.picturesRefused}
          </p>
        )}
      </div>
    </form>
  );
}

function Sent() {
  const { t } = useI18n();
  return (
    <span className="picture-draft-sent">
      <CheckIcon size={14} />
      <span className="unseen">{t.sent}</span>
    </span>
  );
}

function AddPictures({ onFiles, disabled }: { onFiles: (files: File[]) => void; disabled: boolean }) {
  const { t } = useI18n();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        className="button button-wide"
        disabled={disabled}
        onClick={() => input.current?.click()}
      >
        <PlusIcon size={20} />
        {t.addPictures}
      </button>
      <input
        ref={input}
        hidden
        multiple
        type="file"
        accept={PICTURE_TYPES}
        onChange={(event) => {
          const files = [...(event.target.files ?? [])];
          event.target.value = "";
          if (files.length > 0) onFiles(files);
        }}
      />
    </>
  );
}
