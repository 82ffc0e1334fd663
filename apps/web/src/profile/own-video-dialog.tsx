import { useState } from "react";
import { Link } from "wouter";
import type { Video } from "../api/types.ts";
import { explainReason } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { StandsSo } from "../moderation/stands-so.tsx";
import { Dialog } from "../ui/dialog.tsx";
import { ChartIcon, PlayIcon } from "../ui/icons.tsx";
import { Notices } from "../video/notices.tsx";
import { WorkSteps } from "../video/work-steps.tsx";
import { type ChangeStep, ChangeVideo } from "./change-video.tsx";
import { DeleteVideo } from "./delete-video.tsx";
import { EditVideo } from "./edit-video.tsx";
import "./edit.css";
import "../ui/menu.css";

/** The author's view of a video, with the author's actions. */
export function OwnVideoDialog({ video, onClose }: { video: Video; onClose: () => void }) {
  const { t, format } = useI18n();
  const [step, setStep] = useState<ChangeStep | null>(null);
  if (step === "edit") return <EditVideo video={video} onClose={onClose} />;
  if (step === "delete")
    return <DeleteVideo video={video} onClose={() => setStep(null)} onDeleted={onClose} />;
  const { failure } = video;
  const states = {
    uploaded: t.stateUploaded,
    processing: t.stateProcessing,
    ready: t.draft,
    published: t.stepPublished,
    failed: t.stateFailed,
  };
  return (
    <Dialog title={video.title || t.untitled} onClose={onClose}>
      <p className="dialog-text own-state">
        {states[video.state]} · {format.ago(video.createdAt)} · {format.bytes(video.sizeBytes)}
      </p>
      {failure && video.steps.length === 0 && (
        <p className="own-failure">{explainReason(t, failure.reason, failure.message)}</p>
      )}
      <StandsSo video={video} />
      <WorkSteps video={video} />
      <Notices video={video} />
      <div className="menu">
        {video.playUrl && (
          <Link href={`/video/${video.id}`}>
            <PlayIcon />
            {t.watch}
          </Link>
        )}
        {video.state === "published" && (
          <Link href={`/figures/${video.id}`}>
            <ChartIcon />
            {t.figures}
          </Link>
        )}
        <ChangeVideo onStep={setStep} />
      </div>
    </Dialog>
  );
}
