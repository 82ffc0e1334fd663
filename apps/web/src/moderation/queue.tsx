import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { pageOf, paging } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { ActName, QueueEntry, Subject, SubjectKind } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { Failure } from "../ui/failure.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { Segmented } from "../ui/segmented.tsx";
import { useAction } from "../ui/use-action.ts";
import { useNearEnd } from "../ui/use-near-end.ts";
import { ActDialog } from "./act-dialog.tsx";
import { QueueItem } from "./queue-item.tsx";
import { useModerating } from "./use-moderating.ts";
import { useQueueKeys } from "./use-queue-keys.ts";

const PAGE = 20;
type Kind = SubjectKind | "all";
type Sort = "age" | "weight";

/** What waits for moderators. What one of them opens is theirs for some minutes. */
export function Queue() {
  const { t, format } = useModerating();
  const [kind, setKind] = useState<Kind>("all");
  const [sort, setSort] = useState<Sort>("age");
  const [openId, setOpenId] = useState<string>();
  const [selected, setSelected] = useState<ReadonlyMap<string, Subject>>(new Map());
  const [asking, setAsking] = useState<{ act: ActName; entries: QueueEntry[]; subjects: Subject[] }>();
  const { entries, list } = useQueue(kind, sort);
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  const claim = useClaim();
  const place = entries.findIndex((entry) => entry.subject.id === openId);
  const open = (entry: QueueEntry | undefined) => {
    if (!entry) return;
    setOpenId(entry.subject.id);
    claim.mutate(entry.subject);
  };
  const ask = (act: ActName, entry: QueueEntry | undefined) => {
    if (!entry) return;
    const isBatch = selected.has(entry.subject.id) && selected.size > 1;
    setAsking({ act, entries: [entry], subjects: isBatch ? [...selected.values()] : [entry.subject] });
  };
  useQueueKeys(
    {
      next: () => open(entries[place + 1]),
      last: () => open(entries[Math.max(place - 1, 0)]),
      dismiss: () => ask("dismiss", entries[place]),
      takeDown: () => ask(entries[place]?.subject.kind === "user" ? "suspend" : "take-down", entries[place]),
    },
    !asking,
  );
  return (
    <>
      <div className="queue-filters">
        <Segmented
          label={t.kindOf}
          value={kind}
          options={[["all", t.everyKind], ...(Object.entries(t.subjectKinds) as [Kind, string][])]}
          onChange={setKind}
        />
        <Segmented
          label={t.sortQueue}
          value={sort}
          options={[
            ["age", t.byAge],
            ["weight", t.byWeight],
          ]}
          onChange={setSort}
        />
      </div>
      {entries.length > 0 && <p className="moderation-note moderation-keys">{t.moderationKeys}</p>}
      {selected.size > 1 && <p className="moderation-note">{t.selected(format.number(selected.size))}</p>}
      <ol className="reported-list" aria-label={t.moderation} aria-busy={isFetching}>
        {entries.map((entry) => (
          <QueueItem
            key={entry.subject.id}
            entry={entry}
            open={entry.subject.id === openId}
            selected={selected.has(entry.subject.id)}
            onOpen={() => open(entry)}
            onSelect={(chosen) => {
              const next = new Map(selected);
              if (chosen) next.set(entry.subject.id, entry.subject);
              else next.delete(entry.subject.id);
              setSelected(next);
            }}
            onAct={(act) => ask(act, entry)}
          />
        ))}
      </ol>
      <div className="moderation-end" ref={end}>
        {isFetching && entries.length === 0 && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(list)} />}
      </div>
      {data && !hasNextPage && !isFetching && entries.length === 0 && (
        <Notice title={t.moderationEmptyTitle} body={t.moderationEmptyBody} />
      )}
      {asking && (
        <ActDialog
          act={asking.act}
          subjects={asking.subjects}
          reason={asking.entries[0]?.reports[0]?.reason}
          onDone={() => {
            setAsking(undefined);
            setSelected(new Map());
            open(
              entries.find(
                (_, i) => i > place && !asking.subjects.some((one) => one.id === entries[i]?.subject.id),
              ),
            );
          }}
          onClose={() => setAsking(undefined)}
        />
      )}
    </>
  );
}

function useQueue(kind: Kind, sort: Sort) {
  const { api } = useServices();
  const list = useInfiniteQuery({
    queryKey: ["moderation", "queue", kind, sort],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/moderation/queue", {
          params: {
            query: {
              ...pageOf(PAGE, pageParam),
              sort,
              ...(kind !== "all" && { kind }),
            },
          },
          signal,
        }),
      ),
    ...paging,
    staleTime: 0,
  });
  useAgain(list);
  const all = list.data?.pages.flatMap((page) => page.items) ?? [];
  return { list, entries: [...new Map(all.map((entry) => [entry.subject.id, entry])).values()] };
}

/** A colleague who was first is named. */
function useClaim() {
  const { api } = useServices();
  return useAction({
    mutationFn: ({ kind, id }: Subject) =>
      take(api.PUT("/api/v1/moderation/queue/{kind}/{id}/claim", { params: { path: { kind, id } } })),
  });
}
