import { queryOptions, useQuery } from "@tanstack/react-query";
import type { Api } from "../api/client.ts";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { Failure } from "../ui/failure.tsx";
import { Notice, Spinner } from "../ui/notice.tsx";
import { PersonRow } from "./person-row.tsx";

const TOP = 3;

/** The people with the most new followers in the last 24 hours. */
const hotUsersQuery = (api: Api, limit: number) =>
  queryOptions({
    queryKey: ["hot-users", limit],
    queryFn: ({ signal }) => take(api.GET("/api/v1/hot-users", { params: { query: { limit } }, signal })),
  });

export function HotList({ limit }: { limit: number }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const { data, error, refetch } = useQuery(hotUsersQuery(api, limit));
  if (!data)
    return (
      <div className="people-end">
        {error ? <Failure error={error} onRetry={refetch} /> : <Spinner label={t.loading} />}
      </div>
    );
  if (data.items.length === 0) return <Notice title={t.hotEmptyTitle} body={t.hotEmptyBody} />;
  return (
    <ol className="people" aria-label={t.hotTitle}>
      {data.items.map(({ user, won }, i) => (
        <PersonRow
          key={user.id}
          user={user}
          note={t.won(format.count(won))}
          lead={
            <span className="rank" data-top={i < TOP}>
              {i + 1}
            </span>
          }
        />
      ))}
    </ol>
  );
}
