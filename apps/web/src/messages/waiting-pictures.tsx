import { useSyncExternalStore } from "react";
import { useServices } from "../api/services.tsx";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { AlertIcon } from "../ui/icons.tsx";
import { WaitingPicture } from "./message-picture.tsx";

/** The pictures that are on their way to one person. */
export function WaitingPictures({ peerId }: { peerId: string }) {
  const { t } = useI18n();
  const { pictureOutbox } = useServices();
  const waiting = useSyncExternalStore(pictureOutbox.subscribe, () => pictureOutbox.waiting(peerId));
  return waiting.map(({ key, file, problem }) => (
    <li key={key} className="bubble-row" data-failed={problem !== undefined}>
      <WaitingPicture file={file} />
      {problem && (
        <div className="bubble-failed" role="alert">
          <AlertIcon size={16} />
          {explain(t, problem)}
          <button type="button" onClick={() => pictureOutbox.again(peerId)}>
            {t.retry}
          </button>
          <button type="button" onClick={() => pictureOutbox.drop(key)}>
            {t.deleteAction}
          </button>
        </div>
      )}
    </li>
  ));
}
