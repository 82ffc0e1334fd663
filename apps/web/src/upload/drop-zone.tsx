import { type DragEvent, useRef, useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { PICTURE_TYPES } from "../pictures/picture-types.ts";
import { FilmIcon } from "../ui/icons.tsx";

/** For dropping or choosing a video, or some pictures; on a phone the chooser offers the camera and the photos. */
export function DropZone({ onFiles }: { onFiles: (files: File[]) => void }) {
  const { t } = useI18n();
  const [over, setOver] = useState(false);
  const touch = matchMedia("(pointer: coarse)").matches;
  const input = useRef<HTMLInputElement>(null);
  const drag = (event: DragEvent) => {
    event.preventDefault();
    setOver(event.type === "dragover");
  };
  function drop(event: DragEvent) {
    drag(event);
    const files = [...event.dataTransfer.files];
    if (files.length > 0) onFiles(files);
  }
  return (
    <section
      className="drop"
      aria-label={t.uploadTitle}
      data-over={over}
      onDragOver={drag}
      onDragLeave={drag}
      onDrop={drop}
    >
      <FilmIcon size={56} />
      <p className="drop-title">{over ? t.dropNow : touch ? t.pickHere : t.dropHere}</p>
      <p className="drop-hint">{t.dropHint}</p>
      <button type="button" className="button button-primary" onClick={() => input.current?.click()}>
        {t.chooseFile}
      </button>
      <input
        ref={input}
        hidden
        multiple
        type="file"
        accept={`video/*,.mkv,.mov,.avi,.flv,.ts,.m4v,${PICTURE_TYPES}`}
        onChange={(event) => {
          const files = [...(event.target.files ?? [])];
          event.target.value = "";
          if (files.length > 0) onFiles(files);
        }}
      />
    </section>
  );
}
