import { useQuery } from "@tanstack/react-query";
import { useServices, useUser } from "../api/services.tsx";
import { unreadQuery } from "./message-queries.ts";

/** The viewer's number of unread messages; 0 for a guest. */
export function useUnread(): number {
  const { api } = useServices();
  const isMember = useUser() !== null;
  const { data } = useQuery({ ...unreadQuery(api), enabled: isMember });
  return isMember ? (data?.messages ?? 0) : 0;
}
