/** What operators can switch off while everything runs (DOUYA_SWITCHED_OFF), and what it is. */
export const switches = {
  views: "numbers of views, and where one stopped watching",
  history: "what one has watched",
  figures: "what authors learn of their videos",
  reactions: "numbers of likes and comments on videos, and one's own reaction",
  likes: "numbers of likes on profiles",
  works: "numbers of videos on profiles",
  relations: "numbers of followers, and who follows whom, wherever a person is shown",
  read: "that reading messages in the classic API marks them as read",
  preview: "what other sites show of a link",
  "first-screen": "the first film within the page",
  "hot-users": "the list of hot people",
  rankings: "the videos that are shared and saved most",
  downloads: "counting whose film is saved",
  "liked-videos": "the videos that a person likes",
  reposts: "the videos that a person reposts",
  "people-lists": "who a person follows, is followed by, or is friends with",
  comments: "comments, and writing them",
  messages: "messages, and writing them",
  notifications: "the list of what concerns a person",
  unread: "the numbers of unread messages and notifications",
  uploads: "sending films and publishing them",
  registration: "new accounts",
} as const;

export type Switch = keyof typeof switches;
