import { type InfiniteData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { useKnown } from "../api/known.ts";
import { useServices } from "../api/services.tsx";
import type { HistoryPage as Page, Video, WatchedVideo } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { ToFeed } from "../shell/to-feed.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { ConfirmDialog } from "../ui/dialog.tsx";
import { Failure } from "../ui/failure.tsx";
import { TrashIcon } from "../ui/icons.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { useNearEnd } from "../ui/use-near-end.ts";
import { byDay } from "./by-day.ts";
import { HISTORY, historyQuery } from "./history-query.ts";
import { HistoryRow } from "./history-row.tsx";
import { RecordingSwitch } from "./recording-switch.tsx";
import "./history.css";

/** What the viewer has watched, by days; what is recorded is up to them. */
export default function HistoryPage() {
  const { t, format } = useI18n();
  const { api } = useServices();
  // What was watched since is to be seen.
  const list = useInfiniteQuery({ ...historyQuery(api), staleTime: 0 });
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const [clearing, setClearing] = useState(false);
  const remove = useRemove();
  usePageTitle(t.history);
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(list);
  const items = [
    ...new Map(data?.pages.flatMap((page) => page.items).map((item) => [item.video.id, item])).values(),
  ];
  return (
    <div className="page history">
      <header className="page-head">
        <BackButton otherwise="/me" />
        <h1>{t.history}</h1>
        {items.length > 0 && (
          <button type="button" className="button button-quiet" onClick={() => setClearing(true)}>
            <TrashIcon size={18} />
            {t.clearHistory}
          </button>
        )}
      </header>
      {data && <RecordingSwitch paused={data.pages[0]?.paused ?? false} />}
      {data && !hasNextPage && items.length === 0 && (
        <Notice title={t.noHistoryTitle} body={data.pages[0]?.paused ? undefined : t.noHistoryBody}>
          <ToFeed />
        </Notice>
      )}
      {byDay(items).map(({ day, items }) => (
        <section key={day} aria-label={format.day(day)}>
          <h2>{format.day(day)}</h2>
          <ul className="history-list">
            {items.map((item) => (
              <HistoryRow key={item.video.id} item={item} onRemove={() => remove.mutate(item)} />
            ))}
          </ul>
        </section>
      ))}
      <div className="people-end" ref={end}>
        {isFetching && (!data || hasNextPage) && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(list)} />}
      </div>
      {clearing && <ClearHistory onClose={() => setClearing(false)} />}
    </div>
  );
}

/** What is in no history goes on nowhere. */
const withoutPlace = (video: Video): Video => (video.resume ? { ...video, resume: null } : video);

function useRemove() {
  const { api, reporter } = useServices();
  const cache = useQueryClient();
  const known = useKnown();
  return useAction({
    mutationFn: ({ video: { id } }: WatchedVideo) =>
      take(api.DELETE("/api/v1/history/{id}", { params: { path: { id } } })),
    onMutate({ video: { id } }) {
      reporter.forget();
      void cache.cancelQueries({ queryKey: HISTORY });
      cache.setQueryData<InfiniteData<Page>>(
        HISTORY,
        (data) =>
          data && {
            ...data,
            pages: data.pages.map((page) => ({
              ...page,
              items: page.items.filter(({ video }) => video.id !== id),
            })),
          },
      );
      known.changeVideo(id, withoutPlace);
    },
    onError: () => void cache.invalidateQueries({ queryKey: HISTORY }),
  });
}

function ClearHistory({ onClose }: { onClose: () => void }) {
  const { t } = useI18n();
  const { api, reporter } = useServices();
  const cache = useQueryClient();
  const known = useKnown();
  const toast = useToast();
  const clear = useAction({
    mutationFn: () => take(api.DELETE("/api/v1/history")),
    onSuccess() {
      reporter.forget();
      toast(t.historyCleared);
      known.changeVideos(withoutPlace);
      return cache.resetQueries({ queryKey: HISTORY });
    },
    onSettled: onClose,
  });
  return (
    <ConfirmDialog
      title={t.clearHistoryTitle}
      body={t.clearHistoryBody}
      action={t.clearHistory}
      busy={clear.isPending}
      onConfirm={() => clear.mutate()}
      onClose={onClose}
    />
  );
}
