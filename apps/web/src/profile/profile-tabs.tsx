import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useLocation, useSearch } from "wouter";
import { bookmarksQuery, repostsQuery, userLikesQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ToFeed } from "../shell/to-feed.tsx";
import { Choice } from "../ui/choice.tsx";
import { Notice } from "../ui/notice.tsx";
import { VideoGrid } from "./video-grid.tsx";
import { VideoTile } from "./video-tile.tsx";

interface Props {
  user: User;
  noLikes: ReactNode;
  /** It is the viewer's own: what they keep is a tab too, which nobody else sees. */
  own?: boolean;
  /** The grid of the videos. */
  children: ReactNode;
}

const tabs = ["works", "likes", "reposts", "bookmarks"] as const;

/** A person's videos, their likes, what they repost and what they keep. Part of the address, so that going back shows the same tab. */
export function ProfileTabs({ user, noLikes, own = false, children }: Props) {
  const { t } = useI18n();
  const [path, navigate] = useLocation();
  const names = { works: t.works, likes: t.liked, reposts: t.reposts, bookmarks: t.bookmarks };
  const shown = tabs.filter((tab) => own || tab !== "bookmarks");
  const asked = new URLSearchParams(useSearch()).get("tab");
  const tab = shown.find((one) => one === asked) ?? "works";
  return (
    <>
      <Choice
        label={t.profile}
        className="profile-tabs"
        value={tab}
        options={shown.map((one) => [one, names[one]] as const)}
        onChange={(to) => navigate(to === "works" ? path : `${path}?tab=${to}`, { replace: true })}
      />
      {tab === "works" && children}
      {tab === "likes" && <Liked user={user} empty={noLikes} />}
      {tab === "reposts" && <Reposts user={user} />}
      {tab === "bookmarks" && <Bookmarks />}
    </>
  );
}

function Liked({ user, empty }: { user: User; empty: ReactNode }) {
  const { t } = useI18n();
  const { api } = useServices();
  const videos = useInfiniteQuery(userLikesQuery(api, user.id));
  return (
    <VideoGrid
      label={t.liked}
      query={videos}
      tile={(video) => <VideoTile video={video} likedBy={user.id} />}
      empty={empty}
    />
  );
}

function Reposts({ user }: { user: User }) {
  const { t } = useI18n();
  const { api } = useServices();
  const videos = useInfiniteQuery(repostsQuery(api, user.id));
  return (
    <VideoGrid
      label={t.reposts}
      query={videos}
      tile={(video) => <VideoTile video={video} reposted />}
      empty={<Notice title={t.noRepostsTitle} body={t.noRepostsBody} />}
    />
  );
}

function Bookmarks() {
  const { t } = useI18n();
  const { api } = useServices();
  const videos = useInfiniteQuery(bookmarksQuery(api));
  return (
    <VideoGrid
      label={t.bookmarks}
      query={videos}
      tile={(video) => <VideoTile video={video} kept />}
      empty={
        <Notice title={t.noBookmarksTitle} body={t.noBookmarksBody}>
          <ToFeed />
        </Notice>
      }
    />
  );
}
