import { useEffect, useSyncExternalStore } from "react";
import { useServices } from "../api/services.tsx";

/** Whether somebody is here, or when they were; undefined while nothing is known. */
export function usePresence(userId: string) {
  const { realtime } = useServices();
  useEffect(() => realtime.want("people", userId), [realtime, userId]);
  return useSyncExternalStore(realtime.subscribe, () => realtime.presence(userId));
}

/** Whether somebody is writing there. */
export const useWriting = (conversationId: string): boolean => useWriters(conversationId).length > 0;

/** Who is writing there. */
export function useWriters(conversationId: string): readonly string[] {
  const { realtime } = useServices();
  return useSyncExternalStore(realtime.subscribe, () => realtime.writers(conversationId));
}

/** The counts of a video in view move, and its new comments come, where those are open. */
export function useLiveVideo(videoId: string | undefined, comments: boolean): void {
  const { realtime } = useServices();
  useEffect(() => (videoId ? realtime.want("videos", videoId) : undefined), [realtime, videoId]);
  useEffect(
    () => (videoId && comments ? realtime.want("comments", videoId) : undefined),
    [realtime, videoId, comments],
  );
}

/** The steps of the work on an own video come by themselves. False: they do not, so they are to be asked for. */
export function useLiveWork(videoId: string, wanted: boolean): boolean {
  const { realtime } = useServices();
  useEffect(() => (wanted ? realtime.want("uploads", videoId) : undefined), [realtime, videoId, wanted]);
  return useSyncExternalStore(realtime.subscribe, realtime.hasLine);
}
