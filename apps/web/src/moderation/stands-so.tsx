import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { useModerating } from "./use-moderating.ts";

/** Tells an author how far moderators let a video reach. */
export function StandsSo({ video }: { video: Video }) {
  const { t } = useModerating();
  if (!video.moderation) return null;
  return (
    <p className="own-failure">
      {video.moderation === "taken-down" ? t.videoTakenDown : t.videoRestricted}{" "}
      <Link href="/moderation/mine">{t.whyDecided}</Link>
    </p>
  );
}
