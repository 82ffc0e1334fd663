import { useEffect } from "react";
import { useI18n } from "../i18n/i18n.tsx";
import { useUnread } from "../messages/use-unread.ts";
import { usePreferences } from "../settings/use-preferences.ts";

/**
 * The title of the browser's tab, with how much is new; null for the name of the product alone. Undefined: a part of the
 * page says it.
 */
export function usePageTitle(title: string | null | undefined) {
  const { t } = useI18n();
  const { newsTitle } = usePreferences();
  const { messages, notifications } = useUnread();
  const count = newsTitle ? messages + notifications : 0;
  useEffect(() => {
    if (title === undefined) return;
    const name = title ? `${title} · ${t.appName}` : t.appName;
    document.title = count > 0 ? `(${count}) ${name}` : name;
  }, [title, count, t]);
}
