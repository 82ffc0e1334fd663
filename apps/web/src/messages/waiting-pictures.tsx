import { useSyncExternalStore } from "react";
import { useServices } from "../api/services.tsx";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { AlertIcon } from "../ui/icons.tsx";
import { WaitingPicture } from "./message-picture.tsx";
import { Quote } from "./quote.tsx";

interface Props {
  peerId: string;
  nameOf: (userId: string) => string;
}

/** The pictures that are on their way to one person. */
export function WaitingPictures({ peerId, nameOf }: Props) {
  const { t } = useI18n();
  const { pictureOutbox } = useServices();
  const waiting = useSyncExternalStore(pictureOutbox.subscribe, () => pictureOutbox.waiting(peerId));
  return waiting.map(({ key, file, replyTo, problem }, i) => (
    <li key={key} className="bubble-row" data-failed={problem !== undefined}>
      <div className="bubble-stack">
        {replyTo && replyTo !== waiting[i - 1]?.replyTo && (
          <div className="bubble bubble-waiting">
            <Quote quote={replyTo} nameOf={nameOf} />
          </div>
        )}
        <WaitingPicture file={file} />
      </div>
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
