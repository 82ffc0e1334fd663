import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Api, take } from "../api/client.ts";
import { paging } from "../api/queries.ts";

const PAGE = 20;
export const NOTIFICATIONS = ["notifications"];
export const NOTIFICATION_SETTINGS = ["notification settings"];

export const notificationsQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: NOTIFICATIONS,
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/notifications", {
          params: { query: { limit: PAGE, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    ...paging,
    staleTime: 0,
  });

export const notificationSettingsQuery = (api: Api) =>
  queryOptions({
    queryKey: NOTIFICATION_SETTINGS,
    queryFn: ({ signal }) => take(api.GET("/api/v1/notifications/settings", { signal })),
  });
