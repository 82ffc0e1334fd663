import type { UserService } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { isSuspended } from "../rules.ts";
import type { ProvePassword } from "./prove-password.ts";

/** Who cannot log in can still say who they are. */
export function proveSuspended(prove: ProvePassword): Handlers<typeof UserService>["proveSuspended"] {
  return async (request, call) => {
    const { account } = await prove({ ...request, device: "" }, call);
    if (account.state !== "open" || !isSuspended(account)) throw refusal("NOT_FOUND");
    return { userId: account.id };
  };
}
