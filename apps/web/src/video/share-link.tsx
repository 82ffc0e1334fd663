import { ShareIcon } from "../ui/icons.tsx";
import { type SharedPath, useShare } from "./use-share.ts";

interface Props {
  path: SharedPath;
  title: string;
  text: string;
  onClose: () => void;
}

/** The menu entry that shares a link and closes the menu. */
export function ShareLink({ path, title, text, onClose }: Props) {
  const share = useShare(path, title);
  return (
    <button
      type="button"
      onClick={() => {
        onClose();
        void share();
      }}
    >
      <ShareIcon />
      {text}
    </button>
  );
}
