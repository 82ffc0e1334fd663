import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { take } from "../api/client.ts";
import { meQuery, pageOf, paging } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { OwnAct } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { Failure } from "../ui/failure.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { useToast } from "../ui/toast.tsx";
import { useAction } from "../ui/use-action.ts";
import { useNearEnd } from "../ui/use-near-end.ts";
import { subjectPath } from "./subject-path.ts";
import { useModerating } from "./use-moderating.ts";
import "./moderation.css";
import "../ui/tag.css";

const PAGE = 20;
const MAX_CHARACTERS = 1_000;

/** What the moderation team has decided about the viewer and what is theirs. */
export default function DecisionsPage() {
  const { t, format } = useModerating();
  const { api } = useServices();
  const list = useInfiniteQuery({
    queryKey: ["me", "moderation"],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/me/moderation", {
          params: { query: pageOf(PAGE, pageParam) },
          signal,
        }),
      ),
    ...paging,
    staleTime: 0,
  });
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(list);
  const { data: me } = useQuery(meQuery(api));
  usePageTitle(t.decisions);
  const items = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="page moderation">
      <header className="page-head">
        <BackButton otherwise="/settings" />
        <h1>{t.decisions}</h1>
      </header>
      {me?.mutedUntil && <p className="reported-appeal">{t.mutedUntil(format.dateTime(me.mutedUntil))}</p>}
      {items.length > 0 && <p className="moderation-note">{t.decisionsBody}</p>}
      <ol className="reported-list" aria-label={t.decisions}>
        {items.map((one) => (
          <Decision key={one.id} one={one} />
        ))}
      </ol>
      <div className="moderation-end" ref={end}>
        {isFetching && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(list)} />}
      </div>
      {data && !isFetching && items.length === 0 && <Notice title={t.noDecisions} />}
    </div>
  );
}

function Decision({ one }: { one: OwnAct }) {
  const { t, format } = useModerating();
  const [asking, setAsking] = useState(false);
  const words: string | undefined = t.told[one.act as keyof typeof t.told];
  const path = subjectPath(one.subject, one.videoId);
  const kind = t.subjectKinds[one.subject.kind];
  return (
    <li className="reported">
      <div className="reported-who">
        <b>{words ?? t.toldOther}</b>
        <time dateTime={one.at}>{format.dateTime(one.at)}</time>
      </div>
      <div className="reported-why">
        {path ? (
          <Link href={path} className="tag">
            {kind}
          </Link>
        ) : (
          <b className="tag">{kind}</b>
        )}
        {one.reason && <b className="tag tag-pinned">{t.reportReasons[one.reason]}</b>}
        {one.until && <b className="tag">{t.until(format.dateTime(one.until))}</b>}
      </div>
      {one.text && (
        <p className="reported-words" dir="auto">
          {one.text}
        </p>
      )}
      {one.appeal && (
        <div className="reported-appeal">
          <b>{t.youAsked}</b>
          <p dir="auto">{one.appeal}</p>
        </div>
      )}
      {one.appealable && (
        <div className="reported-actions">
          <button type="button" className="button button-quiet" onClick={() => setAsking(true)}>
            {t.appeal}
          </button>
        </div>
      )}
      {asking && <AppealDialog actId={one.id} onClose={() => setAsking(false)} />}
    </li>
  );
}

function AppealDialog({ actId, onClose }: { actId: string; onClose: () => void }) {
  const { t } = useModerating();
  const { api } = useServices();
  const queries = useQueryClient();
  const toast = useToast();
  const [text, setText] = useState("");
  const appeal = useAction({
    mutationFn: () => take(api.POST("/api/v1/appeals", { body: { actId, text: text.trim() } })),
    onSuccess: () => {
      onClose();
      toast(t.appealSent);
      return queries.invalidateQueries({ queryKey: ["me", "moderation"] });
    },
  });
  return (
    <Dialog title={t.appeal} onClose={onClose}>
      <form
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) appeal.mutate();
        }}
      >
        <TextArea
          label={t.appealWhy}
          rows={4}
          maxCharacters={MAX_CHARACTERS}
          required
          value={text}
          onText={setText}
        />
        <DialogActions action={t.appeal} busy={appeal.isPending || !text.trim()} onClose={onClose} />
      </form>
    </Dialog>
  );
}
