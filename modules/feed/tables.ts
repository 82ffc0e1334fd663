import type { ColumnType, Generated } from "kysely";
import type { JobTables } from "#platform/jobs/job-table.ts";

type Int8 = ColumnType<string, string | number, string | number>;

export type RebuildStep = "add" | "check" | "empty";

export interface Tables extends JobTables {
  author_video: {
    author_id: string;
    published_ms: Int8;
    video_id: string;
    pushed: boolean;
    friends: Generated<boolean>;
  };
  author: { author_id: string; large: boolean; pull_number: Int8 | null };
  inbox: { user_id: string; published_ms: Int8; video_id: string; author_id: string };
  reader: {
    user_id: string;
    last_read_at: Generated<Date>;
    stale: Generated<boolean>;
    trimmed: Generated<boolean>;
    capped: Generated<boolean>;
    generation: Generated<number>;
    gone: Generated<boolean>;
    opened_at: Generated<Date | null>;
    pulls_seen: Generated<string>;
  };
  pull: { user_id: string; author_id: string };
  source: { user_id: string; author_id: string };
  rebuild: { name: string; step: RebuildStep; place: Generated<string[]>; done: Generated<string> };
  delivery: { video_id: string; author_id: string; published_ms: Int8; before_follow: Int8 };
}
