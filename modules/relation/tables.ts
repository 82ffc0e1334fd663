export interface Tables {
  follow: { follower_id: string; followee_id: string; id: string };
  block: { blocker_id: string; blocked_id: string; id: string };
  stats: { user_id: string; following: string; followers: string };
}
