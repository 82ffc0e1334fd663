import { useInfiniteQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useLocation, useSearch } from "wouter";
import { userLikesQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Choice } from "../ui/choice.tsx";
import { VideoGrid } from "./video-grid.tsx";
import { VideoTile } from "./video-tile.tsx";

interface Props {
  user: User;
  noLikes: ReactNode;
  /** The grid of the videos. */
  children: ReactNode;
}

/** A person's videos and their likes. Part of the address, so that going back shows the same tab. */
export function ProfileTabs({ user, noLikes, children }: Props) {
  const { t } = useI18n();
  const [path, navigate] = useLocation();
  const tab = new URLSearchParams(useSearch()).get("tab") === "likes" ? "likes" : "works";
  return (
    <>
      <Choice
        label={t.profile}
        className="profile-tabs"
        value={tab}
        options={[
          ["works", t.works],
          ["likes", t.liked],
        ]}
        onChange={(to) => navigate(to === "likes" ? `${path}?tab=likes` : path, { replace: true })}
      />
      {tab === "works" ? children : <Liked user={user} empty={noLikes} />}
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
