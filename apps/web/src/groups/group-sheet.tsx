import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { useLocation } from "wouter";
import { take } from "../api/client.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Group, GroupMember } from "../api/types.ts";
import { againOf } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { createMessageCache } from "../messages/message-cache.ts";
import { useMuteConversation } from "../messages/use-mute-conversation.ts";
import { ReportDialog } from "../moderation/report-dialog.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { ConfirmDialog, Dialog } from "../ui/dialog.tsx";
import { Failure } from "../ui/failure.tsx";
import {
  AlertIcon,
  EditIcon,
  ExitIcon,
  MoreIcon,
  PlusIcon,
  ShareIcon,
  SoundOffIcon,
  SoundOnIcon,
} from "../ui/icons.tsx";
import { Spinner } from "../ui/notice.tsx";
import { useAction } from "../ui/use-action.ts";
import { useIsBefore } from "../ui/use-is-before.ts";
import { AddMembers } from "./add-members.tsx";
import { EditGroup } from "./edit-group.tsx";
import { GivenInvitations } from "./given-invitations.tsx";
import { membersQuery } from "./group-queries.ts";
import { LinkDialog } from "./link-dialog.tsx";
import { MemberMenu } from "./member-menu.tsx";
import "../ui/menu.css";
import "./groups.css";

type Step = "add" | "link" | "edit" | "leave" | "report";

/** A group's people and settings. */
export function GroupSheet({ group, onClose }: { group: Group; onClose: () => void }) {
  const { t, format } = useI18n();
  const { api } = useServices();
  const [step, setStep] = useState<Step>();
  const [member, setMember] = useState<GroupMember>();
  const members = useInfiniteQuery(membersQuery(api, group.id));
  const mute = useMuteConversation(group.id);
  const leads = group.role !== "member";
  const back = () => setStep(undefined);
  if (step === "add") return <AddMembers group={group} onClose={back} />;
  if (step === "link") return <LinkDialog group={group} onClose={back} />;
  if (step === "edit") return <EditGroup group={group} onClose={back} />;
  if (step === "report") return <ReportDialog subject={{ kind: "group", id: group.id }} onClose={back} />;
  if (step === "leave") return <Leave group={group} onClose={back} onLeft={onClose} />;
  if (member) return <MemberMenu group={group} member={member} onClose={() => setMember(undefined)} />;
  const entry = (icon: ReactNode, text: string, onClick: () => void, danger = false) => (
    <button type="button" className={danger ? "menu-danger" : undefined} onClick={onClick}>
      {icon}
      {text}
    </button>
  );
  const { data, error, hasNextPage, isFetching, fetchNextPage } = members;
  return (
    <Dialog title={group.name} onClose={onClose}>
      <div className="menu">
        {leads && entry(<PlusIcon />, t.groups.add, () => setStep("add"))}
        {leads && entry(<ShareIcon />, t.groups.link, () => setStep("link"))}
        {leads && entry(<EditIcon />, t.groups.edit, () => setStep("edit"))}
        {entry(
          group.muted ? <SoundOnIcon /> : <SoundOffIcon />,
          group.muted ? t.groups.unmute : t.groups.mute,
          () => mute.mutate(!group.muted),
        )}
        {group.role !== "owner" && entry(<AlertIcon />, t.report, () => setStep("report"))}
        {entry(<ExitIcon />, t.groups.leave, () => setStep("leave"), true)}
      </div>
      <h3 className="members-head">
        {t.groups.memberList} · {format.number(group.members)}
      </h3>
      <ul className="members">
        {data?.pages
          .flatMap((page) => page.items)
          .map((one) => (
            <Row key={one.user.id} member={one} onMenu={() => setMember(one)} />
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
      {isFetching && !data && <Spinner label={t.loading} />}
      {error && <Failure error={error} onRetry={againOf(members)} />}
      {leads && <GivenInvitations groupId={group.id} />}
    </Dialog>
  );
}

function Row({ member, onMenu }: { member: GroupMember; onMenu: () => void }) {
  const { t } = useI18n();
  const me = useUser();
  const { user, role, silentUntil } = member;
  const isSilent = useIsBefore(silentUntil);
  return (
    <li className="member">
      <Avatar user={user} size={40} />
      <span className="person-text">
        <strong dir="auto">{user.name}</strong>
        <span>@{user.username}</span>
      </span>
      {isSilent && <span className="member-role">{t.groups.mutedMember}</span>}
      {role !== "member" && (
        <span className="member-role" data-role={role}>
          {role === "owner" ? t.groups.owner : t.groups.admin}
        </span>
      )}
      {me?.id !== user.id && (
        <button
          type="button"
          className="icon-button"
          aria-label={t.actOn(t.moreActions, user.name)}
          aria-haspopup="dialog"
          onClick={onMenu}
        >
          <MoreIcon size={20} />
        </button>
      )}
    </li>
  );
}

function Leave({ group, onClose, onLeft }: { group: Group; onClose: () => void; onLeft: () => void }) {
  const { t } = useI18n();
  const { api } = useServices();
  const me = useUser();
  const cache = useQueryClient();
  const [, navigate] = useLocation();
  const leave = useAction({
    mutationFn: () =>
      take(
        api.DELETE("/api/v1/groups/{id}/members/{userId}", {
          params: { path: { id: group.id, userId: me!.id } },
        }),
      ),
    onSuccess: () => {
      createMessageCache(cache).remove(group.id);
      onLeft();
      navigate("/messages", { replace: true });
    },
  });
  const body =
    group.members === 1
      ? t.groups.leaveLastBody
      : group.role === "owner"
        ? t.groups.leaveOwnerBody
        : t.groups.leaveBody;
  return (
    <ConfirmDialog
      title={t.groups.leaveTitle(group.name)}
      body={body}
      action={t.groups.leave}
      busy={leave.isPending}
      onConfirm={() => leave.mutate()}
      onClose={onClose}
    />
  );
}
