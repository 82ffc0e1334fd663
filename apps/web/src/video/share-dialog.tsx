import { useUser } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { SendToFriends } from "../messages/send-to-friends.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { ShareLinks } from "./share-links.tsx";
import "../ui/menu.css";

interface Props {
  video: Video;
  /** The number of the picture in view. */
  picture: number;
  onClose: () => void;
}

/** Sends a video to friends, or copies its link. */
export default function ShareDialog({ video, picture, onClose }: Props) {
  const { t } = useI18n();
  const me = useUser();
  return (
    <Dialog title={t.share} onClose={onClose}>
      {me && <SendToFriends me={me} what={{ videoId: video.id }} />}
      <div className="menu">
        <ShareLinks video={video} picture={picture} onClose={onClose} />
      </div>
    </Dialog>
  );
}
