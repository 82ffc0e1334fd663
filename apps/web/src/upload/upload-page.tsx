import { useSyncExternalStore } from "react";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Compose } from "./compose.tsx";
import { DropZone } from "./drop-zone.tsx";
import { Pipeline } from "./pipeline.tsx";
import { Refused } from "./refused.tsx";
import "./upload.css";

export default function UploadPage() {
  const { t } = useI18n();
  const { uploads } = useServices();
  const state = useSyncExternalStore(uploads.subscribe, uploads.get);
  usePageTitle(t.uploadTitle);
  const sending = state.step === "sending";
  return (
    <div className="page upload">
      <header className="page-head upload-head">
        <h1>{t.uploadTitle}</h1>
      </header>
      {state.step === "idle" && <DropZone onFile={uploads.start} />}
      {state.step === "refused" && <Refused state={state} onFile={uploads.start} />}
      {state.step === "published" && state.videoId && <Pipeline id={state.videoId} onAgain={uploads.reset} />}
      {(sending || state.step === "sent" || state.step === "publishing") && (
        <Compose state={state} store={uploads} />
      )}
    </div>
  );
}
