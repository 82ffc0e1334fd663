import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query";
import type { Api } from "../api/client.ts";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { Failure } from "../ui/failure.tsx";
import { useAction } from "../ui/use-action.ts";
import { ProgressBar } from "../upload/progress-bar.tsx";
import { enOwnData, zhOwnData } from "./own-data-words.ts";

const dayMs = 24 * 3_600_000;

/** Asked again while it is being made; a link to the file lasts an hour. */
const exportQuery = (api: Api) =>
  queryOptions({
    queryKey: ["export"],
    queryFn: ({ signal }) => take(api.GET("/api/v1/me/export", { signal })),
    refetchInterval: ({ state }) => (state.data?.state === "waiting" ? 2_000 : 1_800_000),
  });

/** All of one's own data as a file, which is made when one asks for it. */
export function OwnData() {
  const { language, t: common, format } = useI18n();
  const t = { ...common, ...(language === "zh" ? zhOwnData : enOwnData) };
  const { api } = useServices();
  const cache = useQueryClient();
  const query = exportQuery(api);
  const { data, error, refetch } = useQuery(query);
  const ask = useAction({
    mutationFn: () => take(api.POST("/api/v1/me/export")),
    onSuccess: (made) => cache.setQueryData(query.queryKey, made),
  });
  const isNew = data?.state === "ready" && Date.now() - Date.parse(data.askedAt ?? "") < dayMs;
  return (
    <section className="card">
      <h2>{t.ownData}</h2>
      <p className="settings-none">{t.ownDataBody}</p>
      {error && !data && <Failure error={error} onRetry={refetch} />}
      {data?.state === "failed" && (
        <p className="settings-error" role="alert">
          {t.ownDataFailed}
        </p>
      )}
      {data?.state === "waiting" && (
        <>
          <p className="settings-none">{t.ownDataWaiting}</p>
          <ProgressBar label={t.ownData} share={data.progress} />
        </>
      )}
      {data?.url && (
        <div>
          <a className="button" href={data.url} download>
            {t.ownDataLoad(format.bytes(data.sizeBytes ?? 0))}
          </a>
        </div>
      )}
      {data && data.state !== "waiting" && !isNew && (
        <div>
          <button type="button" className="button" disabled={ask.isPending} onClick={() => ask.mutate()}>
            {data.state === "ready" ? t.ownDataAgain : t.ownDataAsk}
          </button>
        </div>
      )}
    </section>
  );
}
