import type { Video } from "../api/types.ts";
import { explainReason } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";

/** Notices for the author of a video that is published, but not exactly as it was sent. */
export function Notices({ video }: { video: Video }) {
  const { t } = useI18n();
  return video.notices.map(({ reason, message }) => (
    <p key={reason} role="note">
      {explainReason(t, reason, message)}
    </p>
  ));
}
