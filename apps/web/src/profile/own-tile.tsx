import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { videoQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useModerating } from "../moderation/use-moderating.ts";
import { useLiveWork } from "../realtime/use-live.ts";
import { AlertIcon, MoreIcon } from "../ui/icons.tsx";
import { Spinner } from "../ui/notice.tsx";
import { isWorkedOn } from "../video/work-steps.tsx";
import { OwnVideoDialog } from "./own-video-dialog.tsx";
import { VideoTile } from "./video-tile.tsx";

const POLL_MS = 1500;

const isPending = ({ state }: Video) => state === "uploaded" || state === "processing";

/** An own video in any state; of one in progress the steps come by themselves, and are asked for where they cannot. */
export function OwnTile({ video: listed }: { video: Video }) {
  const { t } = useModerating();
  const { api } = useServices();
  const cache = useQueryClient();
  const [open, setOpen] = useState(false);
  const pending = isPending(listed);
  const watched = pending || (open && isWorkedOn(listed));
  const told = useLiveWork(listed.id, watched);
  const { data } = useQuery({
    ...videoQuery(api, listed.id),
    enabled: watched,
    refetchInterval: ({ state }) => {
      const goesOn = !state.data || isPending(state.data) || (open && isWorkedOn(state.data));
      return goesOn && !(told && state.data) && POLL_MS;
    },
  });
  const video = watched && data ? data : listed;
  const made = video.state === "published" || video.state === "ready";
  const arrived = pending && made;
  useEffect(() => {
    if (arrived) void cache.invalidateQueries({ queryKey: ["me"] });
  }, [arrived, cache]);
  return (
    <div className="own">
      {made ? (
        <VideoTile video={video} />
      ) : (
        <button
          type="button"
          className="tile tile-state"
          data-state={video.state}
          onClick={() => setOpen(true)}
        >
          {video.state === "failed" ? <AlertIcon /> : <Spinner label={t.loading} />}
          <strong>
            <StateText video={video} />
          </strong>
          <span>{video.title || t.untitled}</span>
        </button>
      )}
      {video.moderation && (
        <span className="own-stands">
          <AlertIcon size={14} />
          {video.moderation === "taken-down" ? t.takenDownMark : t.restrictedMark}
        </span>
      )}
      <button
        type="button"
        className="icon-button own-more"
        aria-label={t.manage(video.title || t.untitled)}
        onClick={() => setOpen(true)}
      >
        <MoreIcon size={20} />
      </button>
      {open && <OwnVideoDialog video={video} onClose={() => setOpen(false)} />}
    </div>
  );
}

function StateText({ video }: { video: Video }) {
  const { t, format } = useI18n();
  if (video.state === "failed") return t.stateFailed;
  if (video.state === "processing" && video.progress !== null) {
    return `${t.stateProcessing} ${format.percent(video.progress)}`;
  }
  return video.state === "processing" ? t.stateProcessing : t.stateUploaded;
}
