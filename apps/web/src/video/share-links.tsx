import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ShareLink } from "./share-link.tsx";
import { useVideoPath } from "./use-share.ts";

interface Props {
  video: Video;
  /** The number of the picture in view. */
  picture: number;
  onClose: () => void;
}

/** The menu entries that share a video, and of a post of several pictures the one in view. */
export function ShareLinks({ video, picture, onClose }: Props) {
  const { t } = useI18n();
  const path = useVideoPath(video);
  const picturePath = useVideoPath(video, picture);
  return (
    <>
      <ShareLink path={path} title={video.title} text={t.copyLink} onClose={onClose} />
      {video.pictures.length > 1 && (
        <ShareLink path={picturePath} title={video.title} text={t.sharePicture} onClose={onClose} />
      )}
    </>
  );
}
