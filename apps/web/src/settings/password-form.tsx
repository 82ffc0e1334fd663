import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { checkNewPassword } from "../account/check-credentials.ts";
import { fieldErrors } from "../account/field-errors.ts";
import { take } from "../api/client.ts";
import { asProblem } from "../api/problem.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { PasswordField } from "../ui/field.tsx";
import { useToast } from "../ui/toast.tsx";

export function PasswordForm({ username }: { username: string }) {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const toast = useToast();
  const [errors, setErrors] = useState<Record<string, string>>({});
  const change = useMutation({
    mutationFn: (body: { currentPassword: string; newPassword: string }) =>
      take(api.PUT("/api/v1/me/password", { body })),
    onError: (error) => setErrors(fieldErrors(t, asProblem(error), ["currentPassword", "newPassword"])),
  });
  function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const body = {
      currentPassword: String(data.get("currentPassword")),
      newPassword: String(data.get("newPassword")),
    };
    const found: Record<string, string> = {};
    if (body.currentPassword === "") found.currentPassword = t.required;
    const bad = checkNewPassword(t, body.newPassword);
    if (bad) found.newPassword = bad;
    setErrors(found);
    if (Object.keys(found).length > 0) return;
    change.mutate(body, {
      onSuccess: () => {
        form.reset();
        toast(t.passwordChanged);
        void cache.invalidateQueries({ queryKey: ["devices"] });
      },
    });
  }
  return (
    <section className="card">
      <h2>{t.changePassword}</h2>
      <form className="settings-form" noValidate onSubmit={onSubmit}>
        {/* For password managers: whose password this is. */}
        <input
          className="unseen"
          name="username"
          autoComplete="username"
          value={username}
          readOnly
          tabIndex={-1}
          aria-hidden="true"
        />
        <PasswordField
          label={t.currentPassword}
          name="currentPassword"
          autoComplete="current-password"
          error={errors.currentPassword}
        />
        <PasswordField
          label={t.newPassword}
          name="newPassword"
          autoComplete="new-password"
          hint={t.passwordHint}
          error={errors.newPassword}
        />
        {errors.form && (
          <p className="settings-error" role="alert">
            {errors.form}
          </p>
        )}
        <button type="submit" className="button" disabled={change.isPending}>
          {change.isPending ? t.saving : t.changePassword}
        </button>
      </form>
    </section>
  );
}
