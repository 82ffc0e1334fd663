import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { pageOf, paging } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import { againOf } from "../api/use-again.ts";
import { Failure } from "../ui/failure.tsx";
import { Field } from "../ui/field.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import { DoneList } from "./done-list.tsx";
import { useModerating } from "./use-moderating.ts";

const PAGE = 50;

/** All that moderators have done. */
export function ActLog() {
  const { t } = useModerating();
  const { api } = useServices();
  const [words, setWords] = useState("");
  const list = useInfiniteQuery({
    queryKey: ["moderation", "acts", words],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/moderation/acts", {
          params: {
            query: { ...pageOf(PAGE, pageParam), ...(words && { q: words }) },
          },
          signal,
        }),
      ),
    ...paging,
    staleTime: 0,
  });
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  const done = data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <Field
        label={t.searchLog}
        type="search"
        maxLength={100}
        value={words}
        onChange={(event) => setWords(event.target.value)}
      />
      <DoneList done={done} label={t.actLog} />
      <div className="moderation-end" ref={end}>
        {isFetching && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(list)} />}
      </div>
      {data && !isFetching && done.length === 0 && <Notice title={t.logEmpty} />}
    </>
  );
}
