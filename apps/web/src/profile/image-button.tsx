import { useRef } from "react";
import { CameraIcon, TrashIcon } from "../ui/icons.tsx";

interface Props {
  change: string;
  remove: string;
  hasImage: boolean;
  onPick: (file: File) => void;
  onRemove: () => void;
}

/** Chooses another picture, or none. */
export function ImageButton({ change, remove, hasImage, onPick, onRemove }: Props) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <span className="image-buttons">
      <button
        type="button"
        className="icon-button"
        aria-label={change}
        onClick={() => input.current?.click()}
      >
        <CameraIcon size={20} />
      </button>
      {hasImage && (
        <button type="button" className="icon-button" aria-label={remove} onClick={onRemove}>
          <TrashIcon size={20} />
        </button>
      )}
      <input
        ref={input}
        hidden
        type="file"
        accept="image/*"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = "";
          if (file) onPick(file);
        }}
      />
    </span>
  );
}
