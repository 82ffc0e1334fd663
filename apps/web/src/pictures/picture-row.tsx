import type { ReactNode } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { CloseIcon, DownIcon, UpIcon } from "../ui/icons.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { MAX_ALT } from "./picture-upload-store.ts";
import "./picture-row.css";

interface Props {
  /** From 0, and how many there are. */
  at: number;
  count: number;
  src: string | undefined;
  alt: string;
  locked: boolean;
  removable: boolean;
  /** Shown over the picture. */
  mark?: ReactNode;
  /** Shown instead of what the picture shows. */
  problem?: string | undefined;
  onAlt: (alt: string) => void;
  /** To the place of the one before (-1) or after it (1). */
  onMove: (by: -1 | 1) => void;
  onRemove: () => void;
}

/** One picture of a post that is being put together: its place, and what it shows. */
export function PictureRow(props: Props) {
  const { at, count, src, alt, locked, removable, mark, problem, onAlt, onMove, onRemove } = props;
  const { t, format } = useI18n();
  const place = t.pictureOf(format.number(at + 1), format.number(count));
  return (
    <li className="picture-draft" data-refused={problem !== undefined}>
      <div className="picture-draft-face">
        <img src={src} alt={alt || place} />
        {at === 0 && <span className="picture-draft-cover">{t.pictureCover}</span>}
        {mark}
      </div>
      <div className="picture-draft-text">
        {problem ? (
          <p className="picture-draft-problem" role="alert">
            {problem}
          </p>
        ) : (
          <TextArea
            label={t.altLabel(place)}
            placeholder={t.altPlaceholder}
            value={alt}
            maxCharacters={MAX_ALT}
            rows={2}
            readOnly={locked}
            onText={onAlt}
          />
        )}
      </div>
      <div className="picture-draft-actions">
        <button
          type="button"
          className="icon-button"
          aria-label={t.pictureEarlier(place)}
          disabled={locked || at === 0}
          onClick={() => onMove(-1)}
        >
          <UpIcon size={20} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={t.pictureLater(place)}
          disabled={locked || at === count - 1}
          onClick={() => onMove(1)}
        >
          <DownIcon size={20} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={t.pictureRemove(place)}
          disabled={locked || !removable}
          onClick={onRemove}
        >
          <CloseIcon size={20} />
        </button>
      </div>
    </li>
  );
}
