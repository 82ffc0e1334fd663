import { type RawBuilder, sql } from "kysely";
import { notificationKinds } from "#contracts/notification-kinds.ts";
import { isOpen } from "../open-invitations.ts";

/** Whether a notification `n` is shown: one of which nobody has fallen out, and of an invitation while it can be answered. */
export const isShownNotification = (n: RawBuilder<unknown>) => sql`(${n}.people > 0 and (
  ${n}.kind <> ${sql.lit(notificationKinds.invitation)} or exists (
    select from message.invitation i where i.group_id = ${n}.subject_id and i.user_id = ${n}.user_id and ${isOpen()})))`;
