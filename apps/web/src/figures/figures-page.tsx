import { useQuery } from "@tanstack/react-query";
import { Link, useLocation, useSearch } from "wouter";
import { videoQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Choice } from "../ui/choice.tsx";
import { Failure } from "../ui/failure.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { type AnyFigures, type FiguresWindow, figuresQuery, figuresWindows } from "./figures-query.ts";
import { OverTime } from "./over-time.tsx";
import { Retention } from "./retention.tsx";
import { SaveTable } from "./save-table.tsx";
import { Sources } from "./sources.tsx";
import { Tiles } from "./tiles.tsx";
import "../rankings/rankings.css";
import "../settings/settings.css";
import "./figures.css";

/** What an author learns of one video, or of all: how often and how far they are watched. */
export default function FiguresPage({ id }: { id?: string }) {
  const { t } = useI18n();
  const { api } = useServices();
  const [path, navigate] = useLocation();
  const asked = new URLSearchParams(useSearch()).get("window");
  const window = figuresWindows.find((one) => one === asked) ?? "28d";
  const { data, error, refetch, dataUpdatedAt } = useQuery(figuresQuery(api, id, window));
  const { data: video } = useQuery({ ...videoQuery(api, id ?? ""), enabled: id !== undefined });
  const title = video && (video.title || t.untitled);
  usePageTitle(title ? t.figuresOf(title) : t.figures);
  return (
    <div className="page figures">
      <header className="page-head">
        <BackButton otherwise={id ? "/figures" : "/me"} />
        <h1 dir="auto">{title ? t.figuresOf(title) : t.figures}</h1>
      </header>
      <div className="figures-bar">
        <Choice
          label={t.figuresWindow}
          className="chips"
          value={window}
          options={figuresWindows.map((one) => [one, t.figuresWindows[one]] as const)}
          onChange={(one) => navigate(one === "28d" ? path : `${path}?window=${one}`, { replace: true })}
        />
        <SaveTable id={id} window={window} />
      </div>
      {data ? (
        <Shown figures={data} window={window} video={video} nowMs={dataUpdatedAt} />
      ) : (
        <div className="people-end">
          {error ? <Failure error={error} onRetry={refetch} /> : <Spinner label={t.loading} />}
        </div>
      )}
    </div>
  );
}

interface ShownProps {
  figures: AnyFigures;
  window: FiguresWindow;
  video: Video | undefined;
  nowMs: number;
}

function Shown({ figures, window, video, nowMs }: ShownProps) {
  const { t } = useI18n();
  const { total, sources, retention, videos } = figures;
  const isEmpty = total.plays === 0 && figures.series.length === 0;
  if (isEmpty) {
    const title = window === "all" ? t.noFiguresTitle : t.noFiguresInTime;
    return <Notice title={title} body={t.noFiguresBody} />;
  }
  return (
    <>
      <Tiles total={total} ofAll={videos !== undefined} />
      <div className="figures-cards">
        <OverTime figures={figures} window={window} nowMs={nowMs} />
        {video && retention && retention.length > 1 && video.kind === "video" && (
          <Retention video={video} shares={retention} />
        )}
        {sources.length > 0 && <Sources sources={sources} />}
        {videos && videos.length > 0 && <MostViewed videos={videos} window={window} />}
      </div>
    </>
  );
}

function MostViewed({
  videos,
  window,
}: {
  videos: NonNullable<AnyFigures["videos"]>;
  window: FiguresWindow;
}) {
  const { t, format } = useI18n();
  return (
    <section className="card">
      <h2>{t.mostViewed}</h2>
      <ol className="figures-videos">
        {videos.map(({ video, views, watchMs }) => (
          <li key={video.id}>
            <Link href={`/figures/${video.id}${window === "28d" ? "" : `?window=${window}`}`}>
              {video.coverUrl ? <img src={video.coverUrl} alt="" loading="lazy" /> : <i />}
              <span>
                <strong dir="auto">{video.title || t.untitled}</strong>
                <small>
                  {t.viewsCount(format.count(views))} · {format.amount(watchMs)}
                </small>
              </span>
            </Link>
          </li>
        ))}
      </ol>
    </section>
  );
}
