import { Link } from "wouter";
import { useI18n } from "../i18n/i18n.tsx";
import { Notice } from "../ui/notice.tsx";

/** What the following feed shows to who follows nobody yet. */
export function NobodyFollowed() {
  const { t } = useI18n();
  return (
    <Notice title={t.followingEmptyTitle} body={t.followingEmptyBody}>
      <Link href="/hot" className="button button-primary">
        {t.findPeople}
      </Link>
    </Notice>
  );
}
