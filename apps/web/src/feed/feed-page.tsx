import { lazy } from "react";
import { Link } from "wouter";
import { loginPath } from "../account/next-path.ts";
import { useServices, useUser } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { usePreferences } from "../settings/use-preferences.ts";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Notice } from "../ui/notice.tsx";
import { FeedList } from "./feed-list.tsx";
import { FeedTabs } from "./feed-tabs.tsx";

const NobodyFollowed = lazy(() => import("./nobody-followed.tsx"));

/** The videos of everybody, or of the people the viewer follows. */
export function FeedPage() {
  const { t } = useI18n();
  const { preferences } = useServices();
  const { feedTab } = usePreferences();
  const user = useUser();
  usePageTitle(null);
  return (
    <>
      <h1 className="unseen">{feedTab === "public" ? t.feedPublic : t.feedFollowing}</h1>
      <FeedTabs tab={feedTab} onTab={(tab) => preferences.set({ feedTab: tab })} />
      {feedTab === "public" ? (
        <FeedList key="public" kind="public" empty={<NoVideos />} />
      ) : user ? (
        <FeedList key="following" kind="following" empty={<NobodyFollowed />} />
      ) : (
        <Notice title={t.followingGuestTitle} body={t.followingGuestBody}>
          <Link href={loginPath("/", "following")} className="button button-primary">
            {t.logIn}
          </Link>
        </Notice>
      )}
    </>
  );
}

function NoVideos() {
  const { t } = useI18n();
  return (
    <Notice title={t.emptyTitle} body={t.emptyBody}>
      <Link href="/upload" className="button button-primary">
        {t.emptyAction}
      </Link>
    </Notice>
  );
}
