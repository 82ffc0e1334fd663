import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { GivenInvitationPage } from "../api/types.ts";
import { againOf } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { Failure } from "../ui/failure.tsx";
import { useAction } from "../ui/use-action.ts";
import { givenInvitationsQuery } from "./group-queries.ts";

/** Who is invited into a group and has not answered, for those who may take it back. */
export function GivenInvitations({ groupId }: { groupId: string }) {
  const { t } = useI18n();
  const { api } = useServices();
  const list = useInfiniteQuery(givenInvitationsQuery(api, groupId));
  const { data, error, hasNextPage, isFetching, fetchNextPage } = list;
  const given = data?.pages.flatMap((page) => page.items) ?? [];
  if (error) return <Failure error={error} onRetry={againOf(list)} />;
  if (given.length === 0) return null;
  return (
    <>
      <h3 className="members-head">{t.groups.waiting}</h3>
      <ul className="members" aria-label={t.groups.waiting}>
        {given.map((one) => (
          <Row key={one.user.id} groupId={groupId} invitation={one} />
        ))}
      </ul>
      {hasNextPage && (
        <button
          type="button"
          className="button button-quiet button-wide"
          disabled={isFetching}
          onClick={() => void fetchNextPage()}
        >
          {t.groups.moreMembers}
        </button>
      )}
    </>
  );
}

function Row({
  groupId,
  invitation: { user, inviter, expiresAt },
}: {
  groupId: string;
  invitation: GivenInvitationPage["items"][number];
}) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const withdraw = useAction({
    mutationFn: () =>
      take(
        api.DELETE("/api/v1/groups/{id}/invitations/{userId}", {
          params: { path: { id: groupId, userId: user.id } },
        }),
      ),
    onSettled: () => void cache.invalidateQueries({ queryKey: ["group", groupId, "invitations"] }),
  });
  return (
    <li className="member">
      <Avatar user={user} size={40} />
      <span className="person-text">
        <strong dir="auto">{user.name}</strong>
        <span dir="auto" className="two-lines">
          {t.groups.waitsUntil(inviter?.name ?? t.groups.somebody, format.dateTime(expiresAt))}
        </span>
      </span>
      <button
        type="button"
        className="button button-quiet"
        disabled={withdraw.isPending}
        aria-label={t.actOn(t.groups.takeBack, user.name)}
        onClick={() => withdraw.mutate()}
      >
        {t.groups.takeBack}
      </button>
    </li>
  );
}
