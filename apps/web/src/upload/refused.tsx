import { isTransient } from "../api/client.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { AlertIcon } from "../ui/icons.tsx";
import { RetryButton } from "../ui/retry-button.tsx";
import { DropZone } from "./drop-zone.tsx";
import { refusedTitle } from "./refused-title.ts";
import type { UploadState } from "./upload-store.ts";

/** A failed upload: the reason, and a retry. */
export function Refused({ state, onFiles }: { state: UploadState; onFiles: (files: File[]) => void }) {
  const { t } = useI18n();
  const { problem, file } = state;
  return (
    <>
      <section className="refused" role="alert">
        <AlertIcon />
        <div>
          <h2>{refusedTitle(t, problem)}</h2>
          <p>{explain(t, problem)}</p>
          <p className="refused-file">{file?.name}</p>
          {file && problem && isTransient(problem) && (
            <RetryButton error={problem} onRetry={() => onFiles([file])} />
          )}
        </div>
      </section>
      <DropZone onFiles={onFiles} />
    </>
  );
}
