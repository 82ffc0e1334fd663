import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { take } from "../api/client.ts";
import { meQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import { explain, explainReason } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { PasswordField } from "../ui/field.tsx";
import { useToast } from "../ui/toast.tsx";
import { useLeave } from "./use-leave.ts";

/** Deletes the account, after the password. */
export function DeleteAccount() {
  const { t } = useI18n();
  const { api } = useServices();
  const { data: me } = useQuery(meQuery(api));
  const [asking, setAsking] = useState(false);
  return (
    <section className="card">
      <h2>{t.deleteAccount}</h2>
      <p className="settings-none">{t.deleteAccountBody}</p>
      {me?.closingRefused && (
        <p className="settings-error" role="alert">
          {t.deleteAccountRefused} {explainReason(t, me.closingRefused, me.closingRefused)}
        </p>
      )}
      <div>
        <button type="button" className="button settings-everywhere" onClick={() => setAsking(true)}>
          {t.deleteAccount}
        </button>
      </div>
      {asking && <DeleteDialog onClose={() => setAsking(false)} />}
    </section>
  );
}

function DeleteDialog({ onClose }: { onClose: () => void }) {
  const { t } = useI18n();
  const { api } = useServices();
  const leave = useLeave();
  const toast = useToast();
  const close = useMutation({
    mutationFn: (password: string) => take(api.DELETE("/api/v1/me", { body: { password } })),
    onSuccess: () => {
      toast(t.accountDeleted);
      leave();
    },
  });
  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    close.mutate(String(new FormData(event.currentTarget).get("password")));
  }
  const words = close.error ? explain(t, close.error) : undefined;
  return (
    <Dialog title={t.deleteAccountTitle} onClose={onClose}>
      <p className="dialog-text">{t.deleteAccountWarning}</p>
      <form className="settings-form" noValidate onSubmit={onSubmit}>
        <PasswordField
          label={t.password}
          name="password"
          autoComplete="current-password"
          error={words}
          required
        />
        <DialogActions action={t.deleteAccountAction} busy={close.isPending} danger onClose={onClose} />
      </form>
    </Dialog>
  );
}
