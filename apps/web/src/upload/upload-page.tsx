import { useSyncExternalStore } from "react";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { PictureCompose } from "../pictures/picture-compose.tsx";
import { isPictureFile } from "../pictures/picture-upload-store.ts";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Compose } from "./compose.tsx";
import { DropZone } from "./drop-zone.tsx";
import { Pipeline } from "./pipeline.tsx";
import { Refused } from "./refused.tsx";
import "./upload.css";

export default function UploadPage() {
  const { t } = useI18n();
  const { uploads, pictureUploads } = useServices();
  const state = useSyncExternalStore(uploads.subscribe, uploads.get);
  const pictures = useSyncExternalStore(pictureUploads.subscribe, pictureUploads.get);
  const composing = pictures.step === "composing" || pictures.step === "publishing";
  usePageTitle(t.uploadTitle);
  const sending = state.step === "sending";
  /** Several files are pictures of one post; of several videos the first is taken. */
  function choose(files: File[]) {
    const chosen = files.filter(isPictureFile);
    if (chosen.length > 0) pictureUploads.add(chosen);
    else uploads.start(files[0]!);
  }
  return (
    <div className="page upload">
      <header className="page-head upload-head">
        <h1>{t.uploadTitle}</h1>
      </header>
      {composing && <PictureCompose state={pictures} store={pictureUploads} />}
      {pictures.postId && <Pipeline id={pictures.postId} onAgain={pictureUploads.reset} />}
      {pictures.step === "idle" && state.step === "idle" && <DropZone onFiles={choose} />}
      {pictures.step === "idle" && state.step === "refused" && <Refused state={state} onFiles={choose} />}
      {state.step === "published" && state.videoId && <Pipeline id={state.videoId} onAgain={uploads.reset} />}
      {(sending || state.step === "sent" || state.step === "publishing") && (
        <Compose state={state} store={uploads} />
      )}
    </div>
  );
}
