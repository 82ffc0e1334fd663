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
  };
  message: {
    low_id: string;
    high_id: string;
    id: string;
    sender_id: string;
    content: string;
    idempotency_key: string | null;
  };
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
  epoch: { is_only: Generated<boolean>; epoch: string };
}
