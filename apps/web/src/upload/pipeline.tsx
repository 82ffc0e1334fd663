import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { Link } from "wouter";
import { isGone } from "../api/problem.ts";
import { videoQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { explain, explainReason } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useLiveWork } from "../realtime/use-live.ts";
import { AlertIcon, CheckIcon } from "../ui/icons.tsx";
import { Spinner } from "../ui/notice.tsx";
import { Notices } from "../video/notices.tsx";
import { VisibilityMark } from "../video/visibility-mark.tsx";
import { WorkSteps } from "../video/work-steps.tsx";
import { ProgressBar } from "./progress-bar.tsx";
import "./pipeline.css";

const POLL_MS = 1000;
const isUnderWay = (state: Video["state"]) => state === "uploaded" || state === "processing";

/** The state of a published file, until everybody can watch it or the reason is known. */
export function Pipeline({ id, onAgain }: { id: string; onAgain: () => void }) {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const told = useLiveWork(id, true);
  const { data: video, error } = useQuery({
    ...videoQuery(api, id),
    refetchInterval: ({ state }) => {
      const goesOn = state.data ? isUnderWay(state.data.state) : !isGone(state.error);
      return goesOn && !(told && state.data) && POLL_MS;
    },
  });
  const done = video?.state === "published" || video?.state === "ready";
  useEffect(() => {
    if (!done) return;
    cache.removeQueries({ queryKey: ["feed-position"] });
    void cache.resetQueries({ queryKey: ["feed"] });
    void cache.invalidateQueries({ queryKey: ["me"] });
  }, [done, cache]);
  if (!video && !error) return <Spinner label={t.loading} />;
  if (!video)
    return (
      <div className="outcome">
        <p role="alert">{explain(t, error)}</p>
        <div className="outcome-actions">
          <AgainButton onAgain={onAgain} />
        </div>
      </div>
    );
  const steps = [t.stepUploaded, t.stepProcessing, video.draft ? t.draft : t.stepPublished];
  const reached = done ? 3 : video.state === "uploaded" ? 1 : 2;
  return (
    <section className="pipeline">
      <ol className="pipeline-steps">
        {steps.map((step, index) => (
          <li
            key={step}
            data-state={
              index < reached - (done ? 0 : 1) ? "done" : index === reached - 1 ? video.state : "ahead"
            }
            aria-current={index === reached - 1 ? "step" : undefined}
          >
            <span>{index < reached - (done ? 0 : 1) ? <CheckIcon size={18} /> : index + 1}</span>
            {step}
          </li>
        ))}
      </ol>
      <Outcome video={video} onAgain={onAgain} />
    </section>
  );
}

function AgainButton({ onAgain }: { onAgain: () => void }) {
  const { t } = useI18n();
  return (
    <button type="button" className="button" onClick={onAgain}>
      {t.uploadAnother}
    </button>
  );
}

function Outcome({ video, onAgain }: { video: Video; onAgain: () => void }) {
  const { t, format } = useI18n();
  const again = <AgainButton onAgain={onAgain} />;
  if (video.state === "published" || video.state === "ready") {
    return (
      <div className="outcome" role="status">
        {video.coverUrl && <img className="outcome-cover" src={video.coverUrl} alt="" />}
        <h2>{video.draft ? t.draftSaved : t.publishedTitle}</h2>
        <p>
          {video.draft ? (
            <VisibilityMark video={video} />
          ) : video.kind === "pictures" ? (
            t.picturesPublished
          ) : (
            t.publishedBody
          )}
        </p>
        <Notices video={video} />
        <div className="outcome-actions">
          <Link href={`/video/${video.id}`} className="button button-primary" onClick={onAgain}>
            {t.watch}
          </Link>
          {again}
        </div>
      </div>
    );
  }
  if (video.state === "failed") {
    const { reason = "PROCESSING_FAILED", message = "" } = video.failure ?? {};
    return (
      <div className="outcome" role="alert">
        <span className="outcome-bad">
          <AlertIcon size={44} />
        </span>
        <h2>{t.failedTitle}</h2>
        <p>{explainReason(t, reason, message || t.reasons.PROCESSING_FAILED)}</p>
        <div className="outcome-actions">{again}</div>
      </div>
    );
  }
  return (
    <div className="outcome">
      <h2>
        {video.state === "uploaded" || video.progress === null
          ? t.waitingDetail
          : (video.kind === "pictures" ? t.picturesPreparing : t.processingDetail)(
              format.percent(video.progress),
            )}
      </h2>
      <WorkSteps video={video} />
      <ProgressBar label={t.stepProcessing} share={video.state === "processing" ? video.progress : null} />
      <p>{t.keepBrowsing}</p>
      <div className="outcome-actions">
        <Link href="/me" className="button">
          {t.toMyVideos}
        </Link>
        {again}
      </div>
    </div>
  );
}
