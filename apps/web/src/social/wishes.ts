/** What only people with an account can do. */
export const wishes = [
  ...(["like", "dislike", "follow", "comment", "message", "block", "report"] as const),
  ...(["upload", "profile", "following"] as const),
];
export type Wish = (typeof wishes)[number];
