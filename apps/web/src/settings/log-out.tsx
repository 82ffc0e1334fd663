import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { ConfirmDialog } from "../ui/dialog.tsx";
import { ExitIcon } from "../ui/icons.tsx";
import { useAction } from "../ui/use-action.ts";

export function LogOut() {
  const { t } = useI18n();
  const { api, session, uploads, pictureUploads, drafts, outbox } = useServices();
  const cache = useQueryClient();
  const [, navigate] = useLocation();
  const [asking, setAsking] = useState(false);
  const leave = () => {
    uploads.reset();
    pictureUploads.reset();
    outbox.clear();
    session.end("left");
    cache.clear();
    drafts.clear();
    navigate("/");
  };
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
