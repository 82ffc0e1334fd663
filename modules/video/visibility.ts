import { Reach, Visibility } from "#contracts/gen/video_pb.ts";

const stored = {
  public: Visibility.PUBLIC,
  unlisted: Visibility.UNLISTED,
  friends: Visibility.FRIENDS,
  private: Visibility.PRIVATE,
} as const;

const reaches = { full: Reach.FULL, restricted: Reach.RESTRICTED, down: Reach.DOWN } as const;

/** As it is stored. */
export type ReachName = keyof typeof reaches;
/** As it is stored. */
export type VisibilityName = keyof typeof stored;

export const toVisibility = (name: VisibilityName): Visibility => stored[name];

/** Undefined if it is left open. */
export function visibilityNamed(visibility: Visibility): VisibilityName | undefined {
  return (Object.keys(stored) as VisibilityName[]).find((name) => stored[name] === visibility);
}

export const toReach = (name: ReachName): Reach => reaches[name];

/** Undefined if it is not said. */
export function reachNamed(reach: Reach): ReachName | undefined {
  return (Object.keys(reaches) as ReachName[]).find((name) => reaches[name] === reach);
}
