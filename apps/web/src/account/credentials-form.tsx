import { type FormEvent, useState } from "react";
import { useLocation, useSearch } from "wouter";
import { asProblem, type Problem } from "../api/problem.ts";
import { useServices } from "../api/services.tsx";
import type { Session } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import type { Entry } from "../shell/history.ts";
import { Field, PasswordField } from "../ui/field.tsx";
import { useToast } from "../ui/toast.tsx";
import { useCountdown } from "../ui/use-countdown.ts";
import { checkCredentials } from "./check-credentials.ts";
import { fieldErrors } from "./field-errors.ts";
import { safeNext } from "./next-path.ts";

interface Props {
  action: string;
  isNew: boolean;
  submit: (username: string, password: string) => Promise<Session>;
}

const DEFAULT_WAIT_MS = 5000;

/** Username and password, for logging in and registering. */
export function CredentialsForm({ action, isNew, submit }: Props) {
  const { t } = useI18n();
  const { session } = useServices();
  const toast = useToast();
  const [, navigate] = useLocation();
  const next = safeNext(new URLSearchParams(useSearch()).get("next"));
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [busy, setBusy] = useState(false);
  const [wait, setWait] = useState<{ problem: Problem; untilMs: number } | null>(null);
  const waitMs = useCountdown(wait?.untilMs ?? 0);

  async function onSubmit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    const data = new FormData(form);
    const username = String(data.get("username"));
    const password = String(data.get("password"));
    const found = checkCredentials(t, { username, password, isNew });
    setErrors(found);
    if (Object.keys(found).length > 0) return focusFirstError(form, found);
    setBusy(true);
    try {
      const started = await submit(username, password);
      session.begin(started);
      toast(t.welcome(started.user.name));
      // Going back restores the entry with its scroll position and open panels; the address alone would not.
      if ((history.state as Entry | null)?.returns) history.back();
      else navigate(next, { replace: true });
    } catch (error) {
      const problem = asProblem(error);
      setBusy(false);
      if (problem.status === 429 || problem.retryAfterMs)
        return setWait({ problem, untilMs: Date.now() + (problem.retryAfterMs ?? DEFAULT_WAIT_MS) });
      const refused = fieldErrors(t, problem, ["username", "password"]);
      setErrors(refused);
      focusFirstError(form, refused);
    }
  }
  const message = wait && waitMs > 0 ? explain(t, wait.problem, waitMs) : errors.form;
  return (
    <form className="account-form" noValidate onSubmit={onSubmit}>
      <Field
        label={t.username}
        name="username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        required
        {...(isNew && { hint: t.usernameHint })}
        error={errors.username}
      />
      <PasswordField
        label={t.password}
        name="password"
        autoComplete={isNew ? "new-password" : "current-password"}
        required
        {...(isNew && { hint: t.passwordHint })}
        error={errors.password}
      />
      {message && (
        <p className="account-error" role="alert">
          {message}
        </p>
      )}
      <button type="submit" className="button button-primary button-wide" disabled={busy || waitMs > 0}>
        {action}
      </button>
    </form>
  );
}

function focusFirstError(form: HTMLFormElement, errors: Record<string, string>) {
  const name = ["username", "password"].find((field) => errors[field]) ?? "password";
  (form.elements.namedItem(name) as HTMLInputElement | null)?.focus();
}
