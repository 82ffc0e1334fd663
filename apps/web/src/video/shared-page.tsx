import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { useLocation } from "wouter";
import { sharedVideoQuery, videoQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import { FeedSkeleton } from "../feed/feed-skeleton.tsx";
import { PICTURE } from "../pictures/use-carousel.ts";
import { VideoGone } from "./video-gone.tsx";

/** A shared link that the server did not follow: only who is logged in may see the video, or nobody. */
export default function SharedPage({ code }: { code: string }) {
  const { api } = useServices();
  const cache = useQueryClient();
  const [, navigate] = useLocation();
  const { data, error, refetch } = useQuery(sharedVideoQuery(api, code));
  useEffect(() => {
    if (!data) return;
    cache.setQueryData(videoQuery(api, data.id).queryKey, data);
    const at = data.sharedPicture ? `?${PICTURE}=${data.sharedPicture}` : "";
    navigate(`/video/${data.id}${at}`, { replace: true, state: { from: "share" } });
  }, [data, cache, api, navigate]);
  return error ? <VideoGone error={error} onRetry={refetch} /> : <FeedSkeleton />;
}
