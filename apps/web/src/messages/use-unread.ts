import { useQuery } from "@tanstack/react-query";
import { useServices, useUser } from "../api/services.tsx";
import { unreadQuery } from "./message-queries.ts";
import { useLive } from "./use-live.ts";

const CHECK_MS = 10_000;

/** The viewer's number of unread messages; 0 for a guest. */
export function useUnread(): number {
  const { api } = useServices();
  const isMember = useUser() !== null;
  const { data, refetch } = useQuery({ ...unreadQuery(api), enabled: isMember });
  useLive(() => refetch({ throwOnError: true }), CHECK_MS, isMember);
  return isMember ? (data?.messages ?? 0) : 0;
}
