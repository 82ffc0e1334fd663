import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { HotList } from "./hot-list.tsx";

/** The people with the most new followers in the last 24 hours. */
export default function HotPage() {
  const { t } = useI18n();
  usePageTitle(t.hotTitle);
  return (
    <div className="page people-page">
      <header className="page-head">
        <BackButton />
        <h1>{t.hotTitle}</h1>
      </header>
      <p className="people-note">{t.hotBody}</p>
      <HotList limit={50} />
    </div>
  );
}
