import type { PersonStanding, UserService } from "#contracts/gen/user_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { idOrZero, isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { Standing, StandingStore } from "../standing-store.ts";

/** One after the other, each in a transaction of its own: a moderator's act is about one, or a few. */
const maxStandings = 100;

export function moderatePeople(
  store: PerCall<StandingStore>,
): Handlers<typeof UserService>["moderatePeople"] {
  return async ({ standings }, call) => {
    if (standings.length > maxStandings)
      throw refusal("INVALID_ARGUMENT", `standings: at most ${maxStandings} at once.`);
    for (const standing of standings.map(parse)) await store(call).moderate(standing);
    return {};
  };
}

/** Error: INVALID_ARGUMENT. */
function parse(standing: PersonStanding): Standing {
  const { userId, version, mutedUntilMs, suspendedUntilMs, profileResetVersion } = standing;
  const areTimes = [mutedUntilMs, suspendedUntilMs].every((ms) => Number.isSafeInteger(ms) && ms >= 0);
  if (!isId(userId) || !isId(version) || !areTimes)
    throw refusal("INVALID_ARGUMENT", "standings: say who, by which act, and until when.");
  const profileReset = idOrZero(profileResetVersion);
  return { userId: userId as UserId, version, mutedUntilMs, suspendedUntilMs, profileReset };
}
