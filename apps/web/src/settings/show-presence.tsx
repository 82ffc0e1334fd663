import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { hiddenQuery } from "../messages/message-queries.ts";
import { Failure } from "../ui/failure.tsx";
import { Segmented } from "../ui/segmented.tsx";
import { useAction } from "../ui/use-action.ts";

/** Whether others see when one is here. */
export function ShowPresence() {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const query = hiddenQuery(api);
  const { data, error, refetch } = useQuery(query);
  /** As it was chosen, from the tap on until the cache has it. */
  const [wanted, setWanted] = useState<boolean>();
  const set = useAction({
    scope: { id: "presence" },
    mutationFn: (hidden: boolean) => take(api.PUT("/api/v1/me/presence", { body: { hidden } })),
    onMutate: (hidden: boolean) => cache.setQueryData(query.queryKey, { hidden }),
    onError: () => void cache.invalidateQueries({ queryKey: query.queryKey }),
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the cache has it once there is another answer.
  useEffect(() => setWanted(undefined), [data]);
  return (
    <section className="card">
      {data && (
        <Segmented
          label={t.showPresence}
          value={(wanted ?? data.hidden) ? "off" : "on"}
          options={[
            ["on", t.on],
            ["off", t.off],
          ]}
          onChange={(value) => {
            setWanted(value === "off");
            set.mutate(value === "off");
          }}
        />
      )}
      {error && !data && <Failure error={error} onRetry={refetch} />}
      <p className="settings-none">{t.showPresenceBody}</p>
    </section>
  );
}
