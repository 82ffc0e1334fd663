import { useRef } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { PICTURE_TYPES } from "../pictures/picture-types.ts";
import { PicturesIcon } from "../ui/icons.tsx";

/** As many at once; each is a message. */
const MOST = 9;

/** Chooses pictures to send. */
export function PictureButton({ onPick }: { onPick: (files: File[]) => void }) {
  const { t } = useI18n();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        className="icon-button composer-picture"
        aria-label={t.sendPictures}
        onClick={() => input.current?.click()}
      >
        <PicturesIcon size={22} />
      </button>
      <input
        ref={input}
        hidden
        type="file"
        multiple
        accept={PICTURE_TYPES}
        onChange={(event) => {
          const files = [...(event.target.files ?? [])].slice(0, MOST);
          event.target.value = "";
          if (files.length > 0) onPick(files);
        }}
      />
    </>
  );
}
