import { useInfiniteQuery } from "@tanstack/react-query";
import { useLocation, useSearch } from "wouter";
import { useServices } from "../api/services.tsx";
import type { Ranking } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { HotList } from "../people/hot-list.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Choice } from "../ui/choice.tsx";
import { Failure } from "../ui/failure.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { RankedRow } from "./ranked-row.tsx";
import { nameOf, type RankingWindow, rankingQuery, rankings, rankingWindows } from "./ranking-query.ts";
import "../profile/profile.css";
import "./rankings.css";

const tabs = [...rankings, "people"] as const;
type Tab = (typeof tabs)[number];

/** What is hot: videos by what people do with them, and people. Part of the address, so that going back shows the same. */
export default function HotPage() {
  const { t } = useI18n();
  const [path, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  const tab: Tab = tabs.find((one) => one === search.get("tab")) ?? "hot";
  const window = rankingWindows.find((one) => one === search.get("window")) ?? "24h";
  usePageTitle(t.hotTitle);
  const show = (tab: Tab, window: RankingWindow) => {
    const query = new URLSearchParams({
      ...(tab !== "hot" && { tab }),
      ...(window !== "24h" && { window }),
    }).toString();
    navigate(query ? `${path}?${query}` : path, { replace: true });
  };
  return (
    <div className="page people-page hot">
      <header className="page-head">
        <BackButton />
        <h1>{t.hotTitle}</h1>
      </header>
      <Choice
        label={t.hotTitle}
        className="profile-tabs"
        value={tab}
        options={tabs.map((one) => [one, t.rankings[one]] as const)}
        onChange={(one) => show(one, window)}
      />
      {tab === "people" ? (
        <>
          <p className="people-note">{t.hotBody}</p>
          <HotList limit={50} />
        </>
      ) : (
        <>
          {tab === "hot" ? (
            <p className="people-note">{t.hotVideosBody}</p>
          ) : (
            <Choice
              label={t.rankingWindow}
              className="chips"
              value={window}
              options={rankingWindows.map((one) => [one, t.rankingWindows[one]] as const)}
              onChange={(one) => show(tab, one)}
            />
          )}
          <Ranked key={`${tab} ${window}`} ranking={tab} window={tab === "hot" ? "24h" : window} />
        </>
      )}
    </div>
  );
}

function Ranked({ ranking, window }: { ranking: Ranking; window: RankingWindow }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, refetch } = useInfiniteQuery(rankingQuery(api, ranking, window));
  if (!data)
    return (
      <div className="people-end">
        {error ? <Failure error={error} onRetry={refetch} /> : <Spinner label={t.loading} />}
      </div>
    );
  const items = data.pages.flatMap((page) => page.items);
  if (items.length === 0) return <Notice title={t.hotEmptyTitle} body={t.noRankedBody} />;
  return (
    <ol className="ranked" aria-label={t.rankings[ranking]}>
      {items.map(({ video, count }, i) => (
        <RankedRow
          key={video.id}
          video={video}
          place={i + 1}
          name={nameOf(ranking, window)}
          ranking={ranking}
          count={count}
        />
      ))}
    </ol>
  );
}
