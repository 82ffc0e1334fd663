import { Link } from "wouter";
import { loginPath } from "../account/next-path.ts";
import { useI18n } from "../i18n/i18n.tsx";
import type { Entry } from "../shell/history.ts";
import { Dialog } from "../ui/dialog.tsx";
import type { MemberAction } from "./member-actions.ts";

const RETURNS: Entry = { returns: true };

export default function LoginPrompt({ action, onClose }: { action: MemberAction; onClose: () => void }) {
  const { t } = useI18n();
  const login = loginPath(location.pathname + location.search, action);
  return (
    <Dialog title={t.loginTo[action]} onClose={onClose}>
      <p className="dialog-text">{t.loginToBody}</p>
      <div className="dialog-actions">
        <Link
          href={login.replace("/login", "/register")}
          className="button button-quiet"
          state={RETURNS}
          onClick={onClose}
        >
          {t.toRegister}
        </Link>
        <Link href={login} className="button button-primary" state={RETURNS} onClick={onClose}>
          {t.logIn}
        </Link>
      </div>
    </Dialog>
  );
}
