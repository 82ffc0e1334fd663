import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { asProblem } from "../api/problem.ts";
import { userQuery, userVideosQuery } from "../api/queries.ts";
import { useServices, useUser } from "../api/services.tsx";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Notice } from "../ui/notice.tsx";
import { RetryButton } from "../ui/retry-button.tsx";
import { MoreButton } from "./more-button.tsx";
import { PersonActions } from "./person-actions.tsx";
import { ProfileHeader, ProfileSkeleton } from "./profile-header.tsx";
import { ProfileTabs } from "./profile-tabs.tsx";
import { VideoGrid } from "./video-grid.tsx";
import { VideoTile } from "./video-tile.tsx";
import "./profile.css";

export default function UserPage({ id }: { id: string }) {
  const { t } = useI18n();
  const { api } = useServices();
  const me = useUser();
  const { data: user, error, refetch } = useQuery(userQuery(api, id));
  const videos = useInfiniteQuery(userVideosQuery(api, id));
  usePageTitle(user?.name ?? (error ? t.userGoneTitle : null));
  if (!user && !error) return <ProfileSkeleton />;
  if (!user) {
    const { status } = asProblem(error);
    const gone = status >= 400 && status < 500 && status !== 429;
    return (
      <Notice
        level={1}
        title={gone ? t.userGoneTitle : t.profileFailed}
        body={gone ? t.userGoneBody : explain(t, error)}
      >
        {!gone && <RetryButton error={error!} onRetry={refetch} primary />}
        <Link href="/" className="button">
          {t.toFeed}
        </Link>
      </Notice>
    );
  }
  return (
    <div className="profile">
      <div className="profile-bar">
        <BackButton />
        {me?.id !== user.id && <MoreButton user={user} />}
      </div>
      <ProfileHeader user={user}>
        {me?.id === user.id ? (
          <Link href="/me" className="button button-quiet">
            {t.editProfile}
          </Link>
        ) : (
          <PersonActions user={user} />
        )}
      </ProfileHeader>
      <ProfileTabs user={user} noLikes={<p className="profile-none">{t.noLikes}</p>}>
        <VideoGrid
          label={t.videosCount}
          query={videos}
          tile={(video) => <VideoTile video={video} />}
          empty={<p className="profile-none">{t.noVideos}</p>}
        />
      </ProfileTabs>
    </div>
  );
}
