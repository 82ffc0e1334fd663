import { useRef } from "react";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { CheckIcon, CloseIcon, DownIcon, PlusIcon, UpIcon } from "../ui/icons.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { ProgressBar } from "../upload/progress-bar.tsx";
import { PostFields } from "../video/post-fields.tsx";
import { PICTURE_TYPES } from "./picture-types.ts";
import {
  MAX_ALT,
  MAX_PICTURES,
  type PictureDraft,
  type PictureUploadState,
  type PictureUploadStore,
} from "./picture-upload-store.ts";
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
          {drafts.map((draft, index) => (
            <Draft
              key={draft.key}
              draft={draft}
              index={index}
              count={drafts.length}
              store={store}
              locked={publishing}
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

interface DraftProps {
  draft: PictureDraft;
  index: number;
  count: number;
  store: PictureUploadStore;
  locked: boolean;
}

function Draft({ draft, index, count, store, locked }: DraftProps) {
  const { t, format } = useI18n();
  const { key, previewUrl, alt, uploadId, problem } = draft;
  const place = t.pictureOf(format.number(index + 1), format.number(count));
  return (
    <li className="picture-draft" data-refused={problem !== null}>
      <div className="picture-draft-face">
        <img src={previewUrl} alt={alt || place} />
        {index === 0 && <span className="picture-draft-cover">{t.pictureCover}</span>}
        {uploadId && (
          <span className="picture-draft-sent">
            <CheckIcon size={14} />
            <span className="unseen">{t.sent}</span>
          </span>
        )}
      </div>
      <div className="picture-draft-text">
        {problem ? (
          <p className="picture-draft-problem" role="alert">
            {explain(t, problem)}
          </p>
        ) : (
          <TextArea
            label={t.altLabel(place)}
            placeholder={t.altPlaceholder}
            value={alt}
            maxCharacters={MAX_ALT}
            rows={2}
            readOnly={locked}
            onText={(text) => store.describe(key, text)}
          />
        )}
      </div>
      <div className="picture-draft-actions">
        <button
          type="button"
          className="icon-button"
          aria-label={t.pictureEarlier(place)}
          disabled={locked || index === 0}
          onClick={() => store.move(key, -1)}
        >
          <UpIcon size={20} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={t.pictureLater(place)}
          disabled={locked || index === count - 1}
          onClick={() => store.move(key, 1)}
        >
          <DownIcon size={20} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={t.pictureRemove(place)}
          disabled={locked}
          onClick={() => store.remove(key)}
        >
          <CloseIcon size={20} />
        </button>
      </div>
    </li>
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
