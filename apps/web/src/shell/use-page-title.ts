import { useEffect } from "react";
import { useI18n } from "../i18n/i18n.tsx";

/** The title of the browser's tab; null for the name of the product alone. */
export function usePageTitle(title: string | null) {
  const { t } = useI18n();
  useEffect(() => {
    document.title = title ? `${title} · ${t.appName}` : t.appName;
  }, [title, t]);
}
