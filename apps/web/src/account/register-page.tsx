import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { AccountFrame } from "./account-frame.tsx";
import { CredentialsForm } from "./credentials-form.tsx";

export default function RegisterPage() {
  const { t } = useI18n();
  const { api } = useServices();
  return (
    <AccountFrame
      title={t.registerTitle}
      body={t.registerBody}
      question={t.haveAccount}
      answer={t.toLogin}
      other="/login"
    >
      <CredentialsForm
        action={t.registerAction}
        isNew
        submit={(username, password) => take(api.POST("/api/v1/users", { body: { username, password } }))}
      />
    </AccountFrame>
  );
}
