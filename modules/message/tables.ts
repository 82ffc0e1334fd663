import type { Generated } from "kysely";

export interface Tables {
  conversation: {
    user_id: string;
    peer_id: string;
    last_id: string;
    unread: number;
    read_id: string;
    to_stranger: number;
    answered: boolean;
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
    recalled_at_ms: string | null;
    reply_to_id: string | null;
    forwarded: Generated<boolean>;
    video_id: string | null;
    profile_id: string | null;
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
  person: { user_id: string; unread: Generated<string>; gone: Generated<boolean>; seq: Generated<string> };
  timeline: {
    user_id: string;
    seq: string;
    kind: number;
    at_ms: string;
    peer_id: string;
    subject_id: string;
    actor_id: string;
  };
  epoch: { is_only: Generated<boolean>; epoch: string };
}
