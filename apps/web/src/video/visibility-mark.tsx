import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { LockIcon } from "../ui/icons.tsx";
import "./visibility-mark.css";

/** Who sees a video, if it is not everybody; of a draft, that nobody does, and until when. */
export function VisibilityMark({ video }: { video: Video }) {
  const { t, format } = useI18n();
  const { draft, publishAt, visibility } = video;
  if (!draft && visibility === "public") return null;
  return (
    <span className="visibility-mark">
      <LockIcon size={13} />
      {publishAt
        ? t.willBePublishedAt(format.dateTime(publishAt))
        : draft
          ? t.draft
          : t.visibilities[visibility]}
    </span>
  );
}
