import type { Generated, Selectable } from "kysely";
import type { StoredKind } from "./reaction-kinds.ts";

export interface Tables {
  video: {
    video_id: string;
    author_id: string;
    likes: Generated<string>;
    dislikes: Generated<string>;
    comments: Generated<string>;
    bookmarks: Generated<string>;
    reposts: Generated<string>;
    shares: Generated<string>;
    downloads: Generated<string>;
    last_sequence: Generated<string>;
    last_floor: Generated<string>;
    closed: Generated<boolean>;
    locked: Generated<boolean>;
    moderated: Generated<string>;
    pinned_id: string | null;
    removed: Generated<boolean>;
  };
  person: {
    user_id: string;
    likes_received: Generated<string>;
    likes_given: Generated<string>;
    gone: Generated<boolean>;
  };
  reaction: { video_id: string; user_id: string; reaction: StoredKind; id: string };
  shared_picture: { video_id: string; user_id: string; day: string; picture: number; code: string };
  share: { video_id: string; user_id: string; day: string; code: string; at_ms: string | null };
  download: { video_id: string; user_id: string; day: string; guest: string; at_ms: string };
  ranking_bucket: { video_id: string; list: string; bucket: string; n: string };
  ranking_total: { video_id: string; list: string; n: string };
  bookmark: { video_id: string; user_id: string; id: string };
  repost: { video_id: string; user_id: string; id: string };
  comment: {
    video_id: string;
    id: string;
    author_id: string;
    root_id: string | null;
    reply_to_user_id: string | null;
    text: string;
    sequence: string;
    floor: string;
    replies: Generated<string>;
    last_reply_floor: Generated<string>;
    idempotency_key: string | null;
    down: Generated<boolean>;
    moderated: Generated<string>;
  };
  reported: { video_id: string; comment_id: string; position: string; judged: Generated<boolean> };
  report: {
    video_id: string;
    comment_id: string;
    reporter_id: string;
    id: string;
    reason: 1 | 2 | 3;
    text: string;
  };
}

export type VideoRow = Selectable<Tables["video"]>;
export type CommentRow = Selectable<Tables["comment"]>;
