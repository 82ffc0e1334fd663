import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { NotificationSettings as Settings } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { NOTIFICATION_SETTINGS, notificationSettingsQuery } from "../notifications/notification-queries.ts";
import { Failure } from "../ui/failure.tsx";
import { Spinner } from "../ui/notice.tsx";
import { TickBox } from "../ui/tick-box.tsx";
import { useAction } from "../ui/use-action.ts";
import { PushSwitch } from "./push-switch.tsx";
import { usePreferences } from "./use-preferences.ts";
import "./notification-settings.css";

type Kind = keyof Settings;
interface Change {
  kind: Kind;
  to: Settings[Kind];
}

/** What the viewer is told of, and how. */
export function NotificationSettings() {
  const { t } = useI18n();
  const { api, preferences } = useServices();
  const cache = useQueryClient();
  const { newsSound, newsTitle } = usePreferences();
  const { data, error, refetch } = useQuery(notificationSettingsQuery(api));
  /** As it was chosen, from the tap on until it is there. */
  const [wanted, setWanted] = useState<Change>();
  const change = useAction({
    mutationFn: ({ kind, to }: Change) =>
      take(api.PUT("/api/v1/notifications/settings", { body: { [kind]: to } })),
    onSuccess: (settings) => cache.setQueryData(NOTIFICATION_SETTINGS, settings),
    onError: () => setWanted(undefined),
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is there once the settings are other ones.
  useEffect(() => setWanted(undefined), [data]);
  const chosen = (kind: Kind) => (wanted?.kind === kind ? wanted.to : data?.[kind]);
  const choose = (next: Change) => {
    setWanted(next);
    change.mutate(next);
  };
  return (
    <section className="card" id="notifications" aria-labelledby="notifications-head">
      <h2 id="notifications-head">{t.notificationSettings}</h2>
      <p className="settings-none">{t.notificationSettingsBody}</p>
      {data ? (
        <table className="notification-kinds">
          <thead>
            <tr>
              <td />
              <th scope="col">{t.inList}</th>
              <th scope="col">{t.pushed}</th>
            </tr>
          </thead>
          <tbody>
            {(Object.keys(t.notificationKinds) as Kind[]).map((kind) => (
              <tr key={kind}>
                <th scope="row">{t.notificationKinds[kind]}</th>
                {(["list", "push"] as const).map((way) => (
                  <td key={way}>
                    {(way === "push" || kind !== "message") && (
                      <label>
                        <input
                          type="checkbox"
                          checked={chosen(kind)?.[way] ?? false}
                          disabled={change.isPending || (way === "push" && !data[kind].list)}
                          onChange={({ target }) =>
                            choose({ kind, to: { ...data[kind], [way]: target.checked } })
                          }
                        />
                        <span className="unseen">
                          {t.settingOf(way === "list" ? t.inList : t.pushed, t.notificationKinds[kind])}
                        </span>
                      </label>
                    )}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      ) : error ? (
        <Failure error={error} onRetry={refetch} />
      ) : (
        <Spinner label={t.loading} />
      )}
      <PushSwitch />
      <TickBox
        type="checkbox"
        label={t.newsSound}
        checked={newsSound}
        onChange={(on) => preferences.set({ newsSound: on })}
      />
      <TickBox
        type="checkbox"
        label={t.newsTitle}
        checked={newsTitle}
        onChange={(on) => preferences.set({ newsTitle: on })}
      />
    </section>
  );
}
