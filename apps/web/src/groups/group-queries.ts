import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Api, take } from "../api/client.ts";
import { paging } from "../api/queries.ts";

const MEMBERS_PAGE = 50;
const INVITATIONS_PAGE = 20;

export const groupPath = (id: string) => `/messages/group/${id}`;

export const groupQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ["group", id],
    queryFn: ({ signal }) => take(api.GET("/api/v1/groups/{id}", { params: { path: { id } }, signal })),
  });

/** The owner first, then admins, then the others as they came. */
export const membersQuery = (api: Api, id: string) =>
  infiniteQueryOptions({
    queryKey: ["group", id, "members"],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/groups/{id}/members", {
          params: {
            path: { id },
            query: { limit: MEMBERS_PAGE, ...(pageParam && { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    ...paging,
  });

export const groupLinkQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ["group", id, "link"],
    queryFn: ({ signal }) => take(api.GET("/api/v1/groups/{id}/link", { params: { path: { id } }, signal })),
  });

/** Who is invited and has not answered; for those who lead the group. */
export const givenInvitationsQuery = (api: Api, id: string) =>
  infiniteQueryOptions({
    queryKey: ["group", id, "invitations"],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/groups/{id}/invitations", {
          params: {
            path: { id },
            query: { limit: INVITATIONS_PAGE, ...(pageParam && { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    ...paging,
  });

/** The group to which a link leads. */
export const foundGroupQuery = (api: Api, code: string) =>
  queryOptions({
    queryKey: ["group-link", code],
    queryFn: ({ signal }) =>
      take(api.GET("/api/v1/group-links/{code}", { params: { path: { code } }, signal })),
  });

export const invitationsQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ["group-invitations"],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/me/group-invitations", {
          params: { query: { limit: INVITATIONS_PAGE, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    ...paging,
  });
