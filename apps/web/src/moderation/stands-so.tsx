import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";

/** Tells an author how far moderators let a video reach. */
export function StandsSo({ video }: { video: Video }) {
  const { t } = useI18n();
  if (!video.moderation) return null;
  return (
    <p className="own-failure">
      {video.moderation === "taken-down" ? t.videoTakenDown : t.videoRestricted}{" "}
      <Link href="/moderation/mine">{t.whyDecided}</Link>
    </p>
  );
}
