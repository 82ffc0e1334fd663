import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { ConfirmDialog } from "../ui/dialog.tsx";
import { ExitIcon } from "../ui/icons.tsx";
import { useAction } from "../ui/use-action.ts";
import { useLeave } from "./use-leave.ts";

export function LogOut() {
  const { t } = useI18n();
  const { api } = useServices();
  const leave = useLeave();
  const [asking, setAsking] = useState(false);
  // Works without the server too: its part of the session expires by itself.
  const here = useMutation({
    mutationFn: () => take(api.DELETE("/api/v1/sessions/current")),
    onSettled: leave,
  });
  const everywhere = useAction({
    mutationFn: () => take(api.DELETE("/api/v1/sessions")),
    onSuccess: leave,
  });
  return (
    <section className="settings-leave" aria-label={t.logOut}>
      <button type="button" className="button" disabled={here.isPending} onClick={() => here.mutate()}>
        <ExitIcon size={20} />
        {t.logOut}
      </button>
      <button
        type="button"
        className="button button-quiet settings-everywhere"
        onClick={() => setAsking(true)}
      >
        {t.logOutEverywhere}
      </button>
      {asking && (
        <ConfirmDialog
          title={t.logOutEverywhereTitle}
          body={t.logOutEverywhereBody}
          action={t.logOutEverywhere}
          busy={everywhere.isPending}
          onConfirm={() => everywhere.mutate()}
          onClose={() => setAsking(false)}
        />
      )}
    </section>
  );
}
