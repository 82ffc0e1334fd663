import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link } from "wouter";
import { afterFailures, isTransient, take } from "../api/client.ts";
import { once } from "../api/once.ts";
import { useServices } from "../api/services.tsx";
import type { Notification } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Failure } from "../ui/failure.tsx";
import { CheckAllIcon, SettingsIcon } from "../ui/icons.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { usePageShown } from "../ui/use-page-shown.ts";
import { notificationsQuery } from "./notification-queries.ts";
import { NotificationRow } from "./notification-row.tsx";
import "./notifications.css";

/** What concerns the viewer, the latest first. */
export default function NotificationsPage() {
  const { t } = useI18n();
  const { api } = useServices();
  const list = useInfiniteQuery(notificationsQuery(api));
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  usePageTitle(t.notifications);
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(list);
  const items = once(data?.pages.flatMap((page) => page.items) ?? []);
  const { isNew, hasNew, unmark } = useSeen(items, data?.pages[0]?.upTo ?? null);
  return (
    <div className="page notifications">
      <header className="page-head">
        <BackButton />
        <h1>{t.notifications}</h1>
        {hasNew && (
          <button
            type="button"
            className="icon-button"
            aria-label={t.markAllSeen}
            title={t.markAllSeen}
            onClick={unmark}
          >
            <CheckAllIcon />
          </button>
        )}
        <Link href="/settings" className="icon-button" aria-label={t.notificationSettings}>
          <SettingsIcon />
        </Link>
      </header>
      {data && !hasNextPage && items.length === 0 && (
        <Notice title={t.noNotificationsTitle} body={t.noNotificationsBody} />
      )}
      <ul className="notification-list" aria-label={t.notifications}>
        {items.map((item) => (
          <NotificationRow key={item.id} item={item} isNew={isNew(item)} />
        ))}
      </ul>
      <div className="people-end" ref={end}>
        {isFetching && !data && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(list)} />}
      </div>
    </div>
  );
}

/**
 * Says that everything up to a position was seen: what is shown, and what is not there for the viewer any more. What was
 * new stays marked until the page is left, or the viewer says that all of it was seen.
 */
function useSeen(items: readonly Notification[], upTo: string | null) {
  const { api } = useServices();
  const cache = useQueryClient();
  const isShown = usePageShown();
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const { mutate } = useMutation({
    mutationFn: (upTo: string) => take(api.PUT("/api/v1/notifications/seen", { body: { upTo } })),
    onSuccess: () => cache.invalidateQueries({ queryKey: ["unread"] }),
    retry: (_, error) => isTransient(error),
    retryDelay: (failures, error) => afterFailures(error, failures + 1),
  });
  const unseen = items.filter(({ seen }) => !seen).map(({ position }) => position);
  const all = unseen.join(" ");
  useEffect(() => {
    if (!all || !isShown) return;
    setMarked((before) => new Set([...before, ...all.split(" ")]));
  }, [all, isShown]);
  const said = useRef<string>(null);
  useEffect(() => {
    if (!upTo || !isShown || said.current === upTo) return;
    said.current = upTo;
    mutate(upTo);
  }, [upTo, isShown, mutate]);
  return {
    isNew: ({ position }: Notification) => marked.has(position),
    hasNew: marked.size > 0,
    unmark: () => setMarked(new Set()),
  };
}
