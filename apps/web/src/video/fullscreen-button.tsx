import { useEffect, useState } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { FullscreenIcon, FullscreenOffIcon } from "../ui/icons.tsx";

/** An iPhone has no full screen except its own player. */
type ApplePlayer = HTMLVideoElement & { webkitEnterFullscreen?: () => void };

/** The films on the whole screen, one after the other as before. */
export function FullscreenButton({ offered, video }: { offered: boolean; video: HTMLVideoElement | null }) {
  const { t } = useI18n();
  const [full, setFull] = useState(document.fullscreenElement !== null);
  useEffect(() => {
    const look = () => setFull(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }, []);
  const player = video as ApplePlayer | null;
  if (!(offered || full) || !(document.fullscreenEnabled || player?.webkitEnterFullscreen)) return null;
  return (
    <button
      type="button"
      className="stage-full"
      aria-label={full ? t.fullscreenEnd : t.fullscreen}
      onClick={({ currentTarget }) => {
        // It may end by itself in the same moment, or the browser refuse it: then it is as it was.
        const asItWas = () => {};
        if (full) return void document.exitFullscreen().catch(asItWas);
        if (!document.fullscreenEnabled) return player?.webkitEnterFullscreen?.();
        currentTarget.closest(".feed")?.requestFullscreen().catch(asItWas);
      }}
    >
      {full ? <FullscreenOffIcon size={20} /> : <FullscreenIcon size={20} />}
      <span>{full ? t.fullscreenEnd : t.fullscreen}</span>
    </button>
  );
}
