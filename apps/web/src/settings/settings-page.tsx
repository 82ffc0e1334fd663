import { Link } from "wouter";
import { useServices, useUser } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { KeyHints } from "../shell/key-hints.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Segmented } from "../ui/segmented.tsx";
import { BlockedPeople } from "./blocked-people.tsx";
import { DeleteAccount } from "./delete-account.tsx";
import { Devices } from "./devices.tsx";
import { LogOut } from "./log-out.tsx";
import { NotificationSettings } from "./notification-settings.tsx";
import { OwnData } from "./own-data.tsx";
import { PasswordForm } from "./password-form.tsx";
import { ShowPresence } from "./show-presence.tsx";
import { usePreferences } from "./use-preferences.ts";
import "./settings.css";

export default function SettingsPage() {
  const { t } = useI18n();
  const { preferences } = useServices();
  const { language, theme, letterKeys, dataSaver } = usePreferences();
  const user = useUser();
  usePageTitle(t.settings);
  return (
    <div className="page settings">
      <header className="page-head">
        <BackButton />
        <h1>{t.settings}</h1>
      </header>
      <section className="card" aria-label={t.appearance}>
        <Segmented
          label={t.language}
          value={language}
          options={[
            ["auto", t.languageAuto],
            ["zh", "中文"],
            ["en", "English"],
          ]}
          onChange={(value) => preferences.set({ language: value })}
        />
        <Segmented
          label={t.theme}
          value={theme}
          options={[
            ["system", t.themeSystem],
            ["light", t.themeLight],
            ["dark", t.themeDark],
          ]}
          onChange={(value) => preferences.set({ theme: value })}
        />
      </section>
      <section className="card">
        <Segmented
          label={t.dataSaver}
          value={dataSaver ? "on" : "off"}
          options={[
            ["on", t.on],
            ["off", t.off],
          ]}
          onChange={(value) => preferences.set({ dataSaver: value === "on" })}
        />
        <p className="settings-none">{t.dataSaverBody}</p>
      </section>
      <section className="card settings-keys">
        <Segmented
          label={t.letterKeys}
          value={letterKeys ? "on" : "off"}
          options={[
            ["on", t.on],
            ["off", t.off],
          ]}
          onChange={(value) => preferences.set({ letterKeys: value === "on" })}
        />
        <p className="settings-none">{t.letterKeysBody}</p>
        <KeyHints className="key-hints" />
      </section>
      {user && (
        <>
          {user.role === "moderator" && (
            <Link href="/moderation" className="button">
              {t.moderation}
            </Link>
          )}
          <Link href="/moderation/mine" className="button button-quiet">
            {t.decisions}
          </Link>
          <NotificationSettings />
          <ShowPresence />
          <PasswordForm username={user.username} />
          <Devices />
          <BlockedPeople />
          <OwnData />
          <LogOut />
          <DeleteAccount />
        </>
      )}
    </div>
  );
}
