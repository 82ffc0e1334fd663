import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { MessageReport } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { whatShows } from "../messages/message-cache.ts";
import { MessagePicture } from "../messages/message-picture.tsx";
import { Failure } from "../ui/failure.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { useAction } from "../ui/use-action.ts";
import { useNearEnd } from "../ui/use-near-end.ts";
import { ReasonDialog } from "./reason-dialog.tsx";
import "../ui/tag.css";

const PAGE = 20;
const KEY = ["moderation", "messages"];

/** Messages that people reported, each with those before it. */
export function ReportedMessages() {
  const { t } = useI18n();
  const { api } = useServices();
  const list = useInfiniteQuery({
    queryKey: KEY,
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/moderation/messages", {
          params: { query: { limit: PAGE, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.nextCursor ?? undefined,
    staleTime: 0,
  });
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(list);
  const reports = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <ol className="reported-list" aria-label={t.reportedMessages} aria-busy={isFetching}>
        {reports.map((report) => (
          <Report key={report.id} report={report} />
        ))}
      </ol>
      <div className="moderation-end" ref={end}>
        {isFetching && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(list)} />}
      </div>
      {data && !hasNextPage && !isFetching && reports.length === 0 && (
        <Notice title={t.moderationEmptyTitle} body={t.reportedMessagesEmpty} />
      )}
    </>
  );
}

function Report({ report }: { report: MessageReport }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const [asking, setAsking] = useState(false);
  const { id, reporter, reason, text, reportedAt, inGroup, messages } = report;
  const judge = useAction({
    mutationFn: (why: string) =>
      take(
        api.DELETE("/api/v1/moderation/messages/{id}", { params: { path: { id }, query: { reason: why } } }),
      ),
    onSuccess: () => cache.invalidateQueries({ queryKey: KEY }),
    onSettled: () => setAsking(false),
  });
  return (
    <li className="reported">
      <div className="reported-who">
        <span dir="auto">{t.reportedBy(reporter?.name ?? t.groups.somebody)}</span>
        <time dateTime={reportedAt}>{t.reportedAt(format.ago(reportedAt))}</time>
      </div>
      <ol className="reported-lines">
        {messages.map(
          ({ sender, text: content, sentAt, reported, picture, shown, videoId, profileId }, i) => {
            const shows = whatShows({
              ...(picture && !shown && { picture: true }),
              ...(videoId && { videoId }),
              ...(profileId && { profileId }),
            });
            return (
              // biome-ignore lint/suspicious/noArrayIndexKey: the list never changes.
              <li key={i} className={reported ? "reported-text" : undefined} dir="auto">
                {sender ? <Link href={`/user/${sender.id}`}>{sender.name}</Link> : t.groups.somebody}
                {": "}
                {[shows && t.shown[shows], content].filter(Boolean).join(" ")}{" "}
                <time dateTime={sentAt}>{format.moment(sentAt)}</time>
                {shown && <MessagePicture picture={shown} by={sender?.name ?? ""} list={KEY} />}
              </li>
            );
          },
        )}
      </ol>
      <div className="reported-why">
        <b className="tag tag-pinned">{t.reportReasons[reason]}</b>
        {inGroup && <b className="tag">{t.inGroup}</b>}
      </div>
      {text && (
        <p className="reported-words" dir="auto">
          {text}
        </p>
      )}
      <div className="reported-actions">
        <button type="button" className="button button-quiet" onClick={() => setAsking(true)}>
          {t.judged}
        </button>
      </div>
      {asking && (
        <ReasonDialog
          title={t.judgedTitle}
          body={t.judgedBody}
          action={t.judged}
          busy={judge.isPending}
          onConfirm={judge.mutate}
          onClose={() => setAsking(false)}
        />
      )}
    </li>
  );
}
