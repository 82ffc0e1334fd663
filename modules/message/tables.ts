import type { Generated } from "kysely";
import type { JobTables } from "#platform/jobs/job-table.ts";

export interface Tables extends JobTables {
  conversation: {
    user_id: string;
    peer_id: string;
    last_id: string;
    unread: number;
    read_id: string;
    to_stranger: number;
    answered: boolean;
    muted: Generated<boolean>;
    shown_for: Generated<string>;
    shown_id: Generated<string>;
  };
  message: {
    low_id: string;
    high_id: string;
    id: string;
    sender_id: string;
    content: string;
    idempotency_key: string | null;
    notice: number | null;
    recalled_at_ms: string | null;
    reply_to_id: string | null;
    forwarded: Generated<boolean>;
    video_id: string | null;
    profile_id: string | null;
    moderated: Generated<string | null>;
  };
  picture: {
    low_id: string;
    high_id: string;
    message_id: string;
    key: string;
    small_key: string;
    width: number;
    height: number;
  };
  reaction: {
    low_id: string;
    high_id: string;
    message_id: string;
    user_id: string;
    emoji: string;
    at_ms: string;
  };
  reaction_count: {
    low_id: string;
    high_id: string;
    message_id: string;
    emoji: string;
    first_ms: string;
    count: number;
  };
  hidden: { user_id: string; low_id: string; high_id: string; message_id: string };
  person: {
    user_id: string;
    unread: Generated<string>;
    gone: Generated<boolean>;
    seq: Generated<string>;
    hides_presence: Generated<boolean>;
  };
  timeline: {
    user_id: string;
    seq: string;
    kind: number;
    at_ms: string;
    peer_id: string;
    subject_id: string;
    actor_id: string;
  };
  group_chat: {
    id: string;
    name: string;
    announcement: Generated<string>;
    shows_latest: Generated<boolean>;
    members: Generated<number>;
    total: Generated<string>;
    last_id: Generated<string>;
    creator_id: string | null;
    idempotency_key: string | null;
    down: Generated<boolean>;
    moderated: Generated<string>;
  };
  member: {
    group_id: string;
    user_id: string;
    role: number;
    since_id: string;
    joined_id: string;
    read_id: string;
    seen: string;
    muted: Generated<boolean>;
    silent_until_ms: Generated<string>;
    mentioned: Generated<number>;
  };
  mention: { user_id: string; group_id: string; message_id: string; name_key: string };
  notice_person: { group_id: string; message_id: string; user_id: string };
  invitation: {
    group_id: string;
    user_id: string;
    inviter_id: string;
    id: string;
    closed: Generated<boolean>;
  };
  former_member: { group_id: string; user_id: string; removed: boolean; silent_until_ms: string };
  group_link: {
    group_id: string;
    code: string;
    uses: Generated<number>;
    max_uses: number;
    expires_at_ms: string;
    maker_id: string | null;
  };
  told_readers: { user_id: string; group_id: string; told_ms: string; read_id: string; waits: boolean };
  notified: {
    user_id: string;
    position: Generated<string>;
    seen: Generated<string>;
    unlisted: Generated<number[]>;
    unpushed: Generated<number[]>;
    told_ms: Generated<string>;
    told: Generated<string>;
    untold: Generated<boolean>;
    push_ms: Generated<string>;
  };
  notification: {
    user_id: string;
    kind: number;
    subject_id: string;
    video_id: string;
    position: string;
    at_ms: string;
    people: string;
    beyond: Generated<string>;
    pushed_ms: Generated<string>;
  };
  notification_fact: {
    user_id: string;
    kind: number;
    subject_id: string;
    fact_id: string;
    actor_id: string;
    thread_id: string;
    at_ms: string;
  };
  notification_block: { user_id: string; actor_id: string };
  notification_gone_video: { video_id: string; at_ms: string };
  push_subscription: {
    user_id: string;
    endpoint_hash: string;
    sealed: Buffer;
    session_id: string;
    language: string;
    renewed_ms: string;
    failures: Generated<number>;
    paused_ms: Generated<string>;
  };
  message_push: { user_id: string; peer_id: string; pushed_ms: string; last_id: string };
  push_key: { is_only: Generated<boolean>; public_key: string; sealed: Buffer };
  report: {
    id: string;
    reporter_id: string;
    peer_id: string;
    message_id: string;
    sender_id: string;
    in_group: boolean;
    reason: number;
    text: string;
    judged: Generated<boolean>;
  };
  report_line: {
    reporter_id: string;
    report_id: string;
    message_id: string;
    sender_id: string;
    content: string;
    picture: boolean;
    video_id: string | null;
    profile_id: string | null;
  };
  pictures_sent: { user_id: string; day: number; count: number };
  report_picture: {
    reporter_id: string;
    report_id: string;
    message_id: string;
    key: string;
    small_key: string;
    width: number;
    height: number;
  };
  epoch: { is_only: Generated<boolean>; epoch: string };
}
