import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { Message } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { CloseIcon } from "../ui/icons.tsx";

type Picture = NonNullable<Message["picture"]>;

/** The picture of a message; a tap shows it large. `by`: of whom it is. `list`: the key of what has its address. */
export function MessagePicture({
  picture,
  by,
  list,
}: {
  picture: Picture;
  by: string;
  list: readonly string[];
}) {
  const { t } = useI18n();
  const cache = useQueryClient();
  const [open, setOpen] = useState(false);
  const { smallUrl, width, height } = picture;
  return (
    <>
      <button type="button" className="bubble-picture" onClick={() => setOpen(true)}>
        <img
          src={smallUrl}
          alt={t.pictureBy(by)}
          width={width}
          height={height}
          loading="lazy"
          draggable={false}
          // Its address has expired: the list has others.
          onError={() => void cache.invalidateQueries({ queryKey: list })}
        />
      </button>
      {open && <PictureViewer picture={picture} alt={t.pictureBy(by)} onClose={() => setOpen(false)} />}
    </>
  );
}

/** A picture as large as the screen. Escape, the button and a tap beside it close it. */
function PictureViewer({ picture, alt, onClose }: { picture: Picture; alt: string; onClose: () => void }) {
  const { t } = useI18n();
  const ref = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = ref.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: keys have Escape.
    <dialog
      ref={ref}
      className="picture-viewer"
      aria-label={alt}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onClick={onClose}
      // It lies within its message, which has a menu of its own: here the browser's own saves the picture.
      onContextMenu={(event) => event.stopPropagation()}
      onPointerDown={(event) => event.stopPropagation()}
    >
      <img src={picture.url} alt={alt} width={picture.width} height={picture.height} />
      <button type="button" className="icon-button" aria-label={t.close} onClick={onClose}>
        <CloseIcon />
      </button>
    </dialog>
  );
}

/** A picture that is on its way. */
export function WaitingPicture({ file }: { file: Blob }) {
  const { t } = useI18n();
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [file]);
  return (
    <div className="bubble-picture bubble-waiting">{url && <img src={url} alt={t.pictureOnItsWay} />}</div>
  );
}
