import { Visibility } from "#contracts/gen/video_pb.ts";

const stored = {
  public: Visibility.PUBLIC,
  unlisted: Visibility.UNLISTED,
  friends: Visibility.FRIENDS,
  private: Visibility.PRIVATE,
} as const;

/** As it is stored. */
export type VisibilityName = keyof typeof stored;

export const toVisibility = (name: VisibilityName): Visibility => stored[name];

/** Undefined if it is left open. */
export function visibilityNamed(visibility: Visibility): VisibilityName | undefined {
  return (Object.keys(stored) as VisibilityName[]).find((name) => stored[name] === visibility);
}
