import { useQuery } from "@tanstack/react-query";
import { useServices, useUser } from "../api/services.tsx";
import { unreadQuery } from "./message-queries.ts";

const NONE = { messages: 0, notifications: 0 };

/** How much the viewer has not read or seen; nothing for a guest. */
export function useUnread(): typeof NONE {
  const { api } = useServices();
  const isMember = useUser() !== null;
  const { data } = useQuery({ ...unreadQuery(api), enabled: isMember });
  // A server of an earlier release tells of messages alone.
  return isMember ? { ...NONE, ...data } : NONE;
}
