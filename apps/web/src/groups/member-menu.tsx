import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Group, GroupMember } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ConfirmDialog, Dialog } from "../ui/dialog.tsx";
import { useAction } from "../ui/use-action.ts";
import { useIsBefore } from "../ui/use-is-before.ts";
import "../ui/menu.css";

const HOUR_MINUTES = 60;
const DAY_MINUTES = 24 * HOUR_MINUTES;

/** What one may do to a member. */
export function MemberMenu({
  group,
  member: { user, role, silentUntil },
  onClose,
}: {
  group: Group;
  member: GroupMember;
  onClose: () => void;
}) {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const isSilent = useIsBefore(silentUntil);
  const [asking, setAsking] = useState<"remove" | "owner">();
  const path = { params: { path: { id: group.id, userId: user.id } } };
  const done = {
    onSuccess: () => void cache.invalidateQueries({ queryKey: ["group", group.id] }),
    onSettled: onClose,
  };
  const remove = useAction({
    mutationFn: () => take(api.DELETE("/api/v1/groups/{id}/members/{userId}", path)),
    ...done,
  });
  const setRole = useAction({
    mutationFn: (to: GroupMember["role"]) =>
      take(api.PUT("/api/v1/groups/{id}/members/{userId}/role", { ...path, body: { role: to } })),
    ...done,
  });
  const silence = useAction({
    mutationFn: (minutes: number) =>
      take(api.PUT("/api/v1/groups/{id}/members/{userId}/mute", { ...path, body: { minutes } })),
    ...done,
  });
  const owns = group.role === "owner";
  const isAbove = owns || (group.role === "admin" && role === "member");
  if (asking === "remove")
    return (
      <ConfirmDialog
        title={t.groups.removeTitle(user.name)}
        body={t.groups.removeBody}
        action={t.groups.remove}
        busy={remove.isPending}
        onConfirm={() => remove.mutate()}
        onClose={onClose}
      />
    );
  if (asking === "owner")
    return (
      <ConfirmDialog
        title={t.groups.handOverTitle(user.name)}
        body={t.groups.handOverBody}
        action={t.groups.handOver}
        busy={setRole.isPending}
        onConfirm={() => setRole.mutate("owner")}
        onClose={onClose}
      />
    );
  return (
    <Dialog title={user.name} onClose={onClose}>
      <div className="menu">
        <Link href={`/user/${user.id}`}>{t.groups.toProfile}</Link>
        <Link href={`/messages/${user.id}`}>{t.writeTo(user.name)}</Link>
        {owns && (
          <>
            <button
              type="button"
              disabled={setRole.isPending}
              onClick={() => setRole.mutate(role === "admin" ? "member" : "admin")}
            >
              {role === "admin" ? t.groups.endAdmin : t.groups.makeAdmin}
            </button>
            <button type="button" onClick={() => setAsking("owner")}>
              {t.groups.handOver}
            </button>
          </>
        )}
        {isAbove &&
          (isSilent ? (
            <button type="button" disabled={silence.isPending} onClick={() => silence.mutate(0)}>
              {t.groups.unmuteMember}
            </button>
          ) : (
            <>
              <button type="button" disabled={silence.isPending} onClick={() => silence.mutate(HOUR_MINUTES)}>
                {t.groups.muteHour}
              </button>
              <button type="button" disabled={silence.isPending} onClick={() => silence.mutate(DAY_MINUTES)}>
                {t.groups.muteDay}
              </button>
            </>
          ))}
        {isAbove && (
          <button type="button" className="menu-danger" onClick={() => setAsking("remove")}>
            {t.groups.remove}
          </button>
        )}
      </div>
    </Dialog>
  );
}
