import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { AccountFrame } from "./account-frame.tsx";
import { CredentialsForm } from "./credentials-form.tsx";

export default function LoginPage() {
  const { t } = useI18n();
  const { api } = useServices();
  return (
    <AccountFrame title={t.loginTitle} question={t.noAccount} answer={t.toRegister} other="/register">
      <CredentialsForm
        action={t.loginAction}
        isNew={false}
        submit={(username, password) => take(api.POST("/api/v1/sessions", { body: { username, password } }))}
      />
    </AccountFrame>
  );
}
