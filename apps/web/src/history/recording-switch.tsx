import { type InfiniteData, useQueryClient } from "@tanstack/react-query";
import { useId } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { HistoryPage } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useAction } from "../ui/use-action.ts";
import { HISTORY } from "./history-query.ts";

/** Whether what one watches is recorded. */
export function RecordingSwitch({ paused }: { paused: boolean }) {
  const { t } = useI18n();
  const { api, reporter } = useServices();
  const cache = useQueryClient();
  const hintId = useId();
  const show = (paused: boolean) =>
    cache.setQueryData<InfiniteData<HistoryPage>>(
      HISTORY,
      (data) => data && { ...data, pages: data.pages.map((page) => ({ ...page, paused })) },
    );
  const set = useAction({
    scope: { id: "history recording" },
    mutationFn: (paused: boolean) => take(api.PUT("/api/v1/history/recording", { body: { paused } })),
    onMutate: (paused: boolean) => {
      void cache.cancelQueries({ queryKey: HISTORY });
      show(paused);
    },
    // Sessions that were asked for before are recorded as it was then.
    onSuccess: reporter.forget,
    onError: (_, paused) => show(!paused),
  });
  return (
    <label className="history-recording">
      <span>
        <strong>{t.recordHistory}</strong>
        <small id={hintId}>{paused ? t.historyPaused : t.historyRecorded}</small>
      </span>
      <input
        type="checkbox"
        role="switch"
        aria-label={t.recordHistory}
        aria-describedby={hintId}
        aria-checked={!paused}
        checked={!paused}
        onChange={({ target }) => set.mutate(!target.checked)}
      />
    </label>
  );
}
