import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { ShareIcon, SoundOffIcon, SoundOnIcon } from "../ui/icons.tsx";
import { useToast } from "../ui/toast.tsx";
import { shareLink } from "./share.ts";
import { useSound } from "./sound.tsx";

/** What one can do with a video, from top to bottom. */
export function Rail({ video }: { video: Video }) {
  const { t } = useI18n();
  const { muted, toggle } = useSound();
  const toast = useToast();
  async function share() {
    const touch = matchMedia("(pointer: coarse)").matches;
    const result = await shareLink(`${location.origin}/video/${video.id}`, video.title, touch);
    if (result !== "shared") toast(result === "copied" ? t.linkCopied : t.copyFailed);
  }
  return (
    <div className="rail">
      <Link href={`/user/${video.author.id}`} className="rail-author" aria-label={video.author.name}>
        <Avatar user={video.author} size={48} />
      </Link>
      <button type="button" className="rail-button" onClick={share}>
        <span className="rail-icon">
          <ShareIcon size={28} />
        </span>
        {t.share}
      </button>
      <button
        type="button"
        className="rail-button"
        aria-label={muted ? t.soundOn : t.soundOff}
        onClick={toggle}
      >
        <span className="rail-icon">{muted ? <SoundOffIcon size={28} /> : <SoundOnIcon size={28} />}</span>
        <span aria-hidden="true">{t.sound}</span>
      </button>
    </div>
  );
}
