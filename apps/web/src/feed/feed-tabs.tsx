import { useI18n } from "../i18n/i18n.tsx";
import type { FeedTab } from "../settings/preferences.ts";
import { Choice } from "../ui/choice.tsx";

/** The choice of the feed, over its upper edge. */
export function FeedTabs({ tab, onTab }: { tab: FeedTab; onTab: (tab: FeedTab) => void }) {
  const { t } = useI18n();
  const options = [
    ["following", t.feedFollowing],
    ["public", t.feedPublic],
  ] as const;
  return <Choice label={t.feedTabs} className="feed-tabs" value={tab} options={options} onChange={onTab} />;
}
