import { GroupRole } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { checkText } from "#platform/text/text-rules.ts";

export const maxMembers = 1_000;
/** Of one person. */
export const maxGroups = 500;
/** Larger groups do not tell who has read, or who is writing. */
export const maxReadersTold = 50;
/** How many messages from before somebody sees who joins a group that shows them. */
export const latestShown = 100;
export const maxLinkUses = 1_000;
export const maxLinkHours = 30 * 24;
export const maxMuteMinutes = 30 * 24 * 60;
/** Of many people a notice names the first, since each member is told it. */
export const maxNamed = 20;
/** Of people who are no friends: in one request, of one person to all and to one. Those that were accepted do not count. */
export const maxInvitedAtOnce = 20;
export const maxInvitations = 200;
export const maxInvitationsToOne = 3;
/** After that they do not count any more, and cannot be accepted. */
export const invitationMs = 30 * 24 * 3_600_000;
/** What one sees of one's own: the newest. */
export const maxInvitationsShown = 50;
/** Members in a page of their list, and groups or invitations in an answer. */
export const maxListed = 100;

export function checkGroupName(name: string): string {
  return checkText(name, {
    label: "A group's name",
    reason: "GROUP_NAME_INVALID",
    min: 1,
    max: 40,
    identifies: true,
    isName: true,
  });
}

export function checkAnnouncement(text: string): string {
  return checkText(text, {
    label: "An announcement",
    reason: "ANNOUNCEMENT_INVALID",
    min: 0,
    max: 500,
    maxLineBreaks: 20,
  });
}

export const groupFull = () => refusal("GROUP_FULL", { max: maxMembers });
export const groupTakenDown = () => refusal("GROUP_TAKEN_DOWN");
export const groupsTooMany = () => refusal("GROUPS_TOO_MANY", { max: maxGroups });

/** Why somebody may not write in a group. Who was never in it is not told whether there is one. */
export function groupRefusalOf(
  place: { silent_until_ms: string } | undefined,
  wasIn: boolean,
  isDown: boolean,
) {
  if (!place) return refusal(wasIn ? "NOT_IN_GROUP" : "USER_NOT_FOUND");
  if (isDown) return groupTakenDown();
  return Number(place.silent_until_ms) > Date.now() ? refusal("MUTED_IN_GROUP") : undefined;
}

/** Error: GROUP_ADMINS_ONLY. */
export function requireAdmin(role: GroupRole): void {
  if (role < GroupRole.ADMIN) throw refusal("GROUP_ADMINS_ONLY");
}

/** Error: GROUP_OWNER_ONLY. */
export function requireOwner(role: GroupRole): void {
  if (role !== GroupRole.OWNER) throw refusal("GROUP_OWNER_ONLY");
}

/** Whoever acts on somebody is above them: an admin above members, the owner above all. */
export function requireAbove(role: GroupRole, theirs: GroupRole): void {
  requireAdmin(role);
  if (role <= theirs) throw refusal("GROUP_OWNER_ONLY");
}
