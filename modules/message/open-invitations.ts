import { sql } from "kysely";
import { idAtTime } from "#platform/ids/snowflake.ts";
import { invitationMs } from "./group-rules.ts";

/** Invitations after this id count; it is a text, as the others are. */
export const countedAfter = () => idAtTime(Date.now() - invitationMs).toString();

/** Whether an invitation `i` can still be answered. */
export const isOpen = () => sql`not i.closed and i.id > ${countedAfter()}::int8`;
