import { refusal } from "#contracts/reasons.ts";
import { type Call, requireCaller } from "#platform/rpc/call.ts";

/** Who moderates. Errors: LOGIN_REQUIRED, MODERATORS_ONLY. */
export function requireModerator(call: Call): string {
  const callerId = requireCaller(call);
  if (call.moderator !== true) throw refusal("MODERATORS_ONLY");
  return callerId;
}
