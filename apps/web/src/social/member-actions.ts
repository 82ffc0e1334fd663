/** What only people with an account can do. */
export const memberActions = [
  ...(["like", "dislike", "bookmark", "repost", "follow", "comment", "message", "block", "report"] as const),
  ...(["upload", "profile", "following"] as const),
];
export type MemberAction = (typeof memberActions)[number];
