import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { LockIcon } from "../ui/icons.tsx";
import "./visibility-mark.css";

/** Who sees a video, if it is not everybody. */
export function VisibilityMark({ video }: { video: Video }) {
  const { t } = useI18n();
  if (video.visibility === "public") return null;
  return (
    <span className="visibility-mark">
      <LockIcon size={13} />
      {t.visibilities[video.visibility]}
    </span>
  );
}
