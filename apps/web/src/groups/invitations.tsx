import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useLocation } from "wouter";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Invitation } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { useAction } from "../ui/use-action.ts";
import { groupPath, invitationsQuery } from "./group-queries.ts";

/** The groups that somebody wants the viewer in, above the conversations. */
export function Invitations() {
  const { t } = useI18n();
  const { api } = useServices();
  const { data } = useInfiniteQuery(invitationsQuery(api));
  const invitations = data?.pages.flatMap((page) => page.items) ?? [];
  if (invitations.length === 0) return null;
  return (
    <ul className="invitations" aria-label={t.groups.invitations}>
      {invitations.map((one) => (
        <Row key={one.groupId} invitation={one} />
      ))}
    </ul>
  );
}

function Row({ invitation: { groupId, groupName, members, inviter } }: { invitation: Invitation }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const [, navigate] = useLocation();
  const answer = useAction({
    mutationFn: (accepted: boolean) => {
      const path = { params: { path: { id: groupId } } };
      return take(
        accepted
          ? api.PUT("/api/v1/me/group-invitations/{id}", path)
          : api.DELETE("/api/v1/me/group-invitations/{id}", path),
      );
    },
    onSuccess: (_, accepted) => {
      if (accepted) navigate(groupPath(groupId));
    },
    onSettled: () => {
      for (const key of ["group-invitations", "conversations", "notifications", "unread"])
        void cache.invalidateQueries({ queryKey: [key] });
    },
  });
  return (
    <li className="invitation">
      <span className="person-text">
        <strong dir="auto">{groupName}</strong>
        <span dir="auto">
          {t.groups.invitedBy(inviter.name)} · {t.groups.members(format.number(members))}
        </span>
      </span>
      <button
        type="button"
        className="button button-primary"
        disabled={answer.isPending}
        aria-label={t.actOn(t.groups.accept, groupName)}
        onClick={() => answer.mutate(true)}
      >
        {t.groups.accept}
      </button>
      <button
        type="button"
        className="button button-quiet"
        disabled={answer.isPending}
        aria-label={t.actOn(t.groups.decline, groupName)}
        onClick={() => answer.mutate(false)}
      >
        {t.groups.decline}
      </button>
    </li>
  );
}
