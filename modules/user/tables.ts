import type { ColumnType, Generated, GeneratedAlways } from "kysely";
import type { JobTables } from "#platform/jobs/job-table.ts";

export interface Tables extends JobTables {
  account: {
    id: string;
    username: string;
    /** Null once the account is erased. */
    name_key: string | null;
    password_hash: string;
    name: string;
    signature: Generated<string>;
    avatar_key: Generated<string>;
    background_key: Generated<string>;
    created_at: GeneratedAlways<Date>;
    role: Generated<"member" | "moderator">;
    state: Generated<"open" | "closing" | "erased">;
    closing_id: string | null;
    closing_refused: Generated<string>;
    session_epoch: Generated<number>;
    moderated: Generated<string>;
    muted_until_ms: ColumnType<string, number | undefined, number>;
    suspended_until_ms: ColumnType<string, number | undefined, number>;
    profile_reset: Generated<string>;
  };
  session: {
    user_id: string;
    id: string;
    classic: boolean;
    refresh_hash: Buffer | null;
    previous_refresh_hash: Generated<Buffer | null>;
    rotated_at: Generated<Date>;
    user_agent: string;
    created_at: GeneratedAlways<Date>;
    last_used_at: Generated<Date>;
    expires_at: Date;
    password_at: Generated<Date>;
  };
  export: {
    user_id: string;
    asked_at: Generated<Date>;
    state: Generated<"waiting" | "ready" | "failed">;
    ticket: string | null;
    held_until: Generated<Date>;
    attempts: Generated<number>;
    done: Generated<number>;
    total: Generated<number>;
    blob_key: Generated<string>;
    size_bytes: Generated<string>;
    ready_at: Date | null;
  };
  guesses: {
    user_id: string;
    level: number;
    at: Date;
  };
  known_device: {
    user_id: string;
    mark: Buffer;
    seen_at: Generated<Date>;
  };
  signing_key: {
    kid: string;
    /** Only in rows from before sealing. */
    private_jwk: object | null;
    sealed: Buffer | null;
    public_jwk: object;
    created_at: GeneratedAlways<Date>;
    signs_from: Generated<Date>;
    rotate_asked_at: Date | null;
  };
}
