import type { MessageInitShape } from "@bufbuild/protobuf";
import type { UserSchema } from "#contracts/gen/user_pb.ts";
import type { Account } from "./account-store.ts";

/** An account as others may see it. */
export function toUser(account: Account, callerId?: string): MessageInitShape<typeof UserSchema> {
  return {
    id: account.id,
    username: account.username,
    name: account.name,
    signature: account.signature,
    avatarKey: account.avatar_key,
    backgroundKey: account.background_key,
    createdAtMs: account.created_at.getTime(),
    moderator: account.role === "moderator",
    closingRefused: account.id === callerId ? account.closing_refused : "",
    mutedUntilMs: account.id === callerId ? Number(account.muted_until_ms) : 0,
  };
}
