import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import { meQuery, myVideosQuery } from "../api/queries.ts";
import { useServices, useUser } from "../api/services.tsx";
import { useI18n } from "../i18n/i18n.tsx";
import { ToFeed } from "../shell/to-feed.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { ChartIcon, EditIcon, HistoryIcon, SettingsIcon } from "../ui/icons.tsx";
import { Notice } from "../ui/notice.tsx";
import { EditProfile } from "./edit-profile.tsx";
import { OwnTile } from "./own-tile.tsx";
import { ProfileHeader, ProfileSkeleton } from "./profile-header.tsx";
import { ProfileTabs } from "./profile-tabs.tsx";
import { VideoGrid } from "./video-grid.tsx";
import "./profile.css";

export default function MePage() {
  const { t } = useI18n();
  const { api, session } = useServices();
  const remembered = useUser();
  const { data: fresh } = useQuery(meQuery(api));
  const videos = useInfiniteQuery(myVideosQuery(api));
  const [editing, setEditing] = useState(false);
  usePageTitle(t.profile);
  useEffect(() => {
    if (fresh && fresh.id === session.user()?.id) session.updateUser(fresh);
  }, [fresh, session]);
  const user = fresh ?? remembered;
  if (!user) return <ProfileSkeleton />;
  return (
    <div className="profile">
      <div className="profile-bar">
        <Link href="/figures" className="icon-button" aria-label={t.figures} title={t.figures}>
          <ChartIcon />
        </Link>
        <Link href="/history" className="icon-button" aria-label={t.history} title={t.history}>
          <HistoryIcon />
        </Link>
        <Link href="/settings" className="icon-button" aria-label={t.settings} title={t.settings}>
          <SettingsIcon />
        </Link>
      </div>
      <ProfileHeader user={user}>
        <button type="button" className="button button-quiet" onClick={() => setEditing(true)}>
          <EditIcon size={18} />
          {t.editProfile}
        </button>
      </ProfileHeader>
      <ProfileTabs
        own
        user={user}
        noLikes={
          <Notice title={t.noOwnLikesTitle} body={t.noOwnLikesBody}>
            <ToFeed />
          </Notice>
        }
      >
        <VideoGrid
          label={t.videosCount}
          query={videos}
          tile={(video) => <OwnTile video={video} />}
          empty={
            <Notice title={t.noOwnVideosTitle} body={t.noOwnVideosBody}>
              <Link href="/upload" className="button button-primary">
                {t.uploadTitle}
              </Link>
            </Notice>
          }
        />
      </ProfileTabs>
      {editing && <EditProfile user={user} onClose={() => setEditing(false)} />}
    </div>
  );
}
