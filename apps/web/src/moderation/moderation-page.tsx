import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { reportedCommentsQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import { againOf, useAgain } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Failure } from "../ui/failure.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { Segmented } from "../ui/segmented.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { ReportedComment } from "./reported-comment.tsx";
import { ReportedMessages } from "./reported-messages.tsx";
import "./moderation.css";

/** What was reported, for moderators; the server refuses everybody else. */
export default function ModerationPage() {
  const { t } = useI18n();
  const [what, setWhat] = useState<"comments" | "messages">("comments");
  usePageTitle(t.moderation);
  return (
    <div className="page moderation">
      <header className="page-head">
        <BackButton />
        <h1>{t.moderation}</h1>
      </header>
      <Segmented
        label={t.moderation}
        value={what}
        options={[
          ["comments", t.reportedComments],
          ["messages", t.reportedMessages],
        ]}
        onChange={setWhat}
      />
      {what === "comments" ? <ReportedComments /> : <ReportedMessages />}
    </div>
  );
}

function ReportedComments() {
  const { t } = useI18n();
  const { api } = useServices();
  const list = useInfiniteQuery(reportedCommentsQuery(api));
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(list);
  const reported = [
    ...new Map(data?.pages.flatMap((page) => page.items).map((one) => [one.comment.id, one])).values(),
  ];
  return (
    <>
      {reported.length > 0 && <p className="moderation-note">{t.moderationBody}</p>}
      <ol className="reported-list" aria-label={t.moderation} aria-busy={isFetching}>
        {reported.map((one) => (
          <ReportedComment key={one.comment.id} reported={one} />
        ))}
      </ol>
      <div className="moderation-end" ref={end}>
        {isFetching && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(list)} />}
      </div>
      {data && !hasNextPage && !isFetching && reported.length === 0 && (
        <Notice title={t.moderationEmptyTitle} body={t.moderationEmptyBody} />
      )}
    </>
  );
}
