const others = (count: number, number: string) => (count === 1 ? "1 other" : `${number} others`);
type Who = [names: readonly string[], more: number, number: string];
/** Who did it: the latest one or two, and how many more. */
const who = (...[names, more, number]: Who) => {
  const [first = "", second] = names;
  if (more > 0) return `${first} and ${others(more, number)}`;
  return second === undefined ? first : `${first} and ${second}`;
};

export const notifications = {
  notifications: "Notifications",
  notificationsShort: "Alerts",
  noNotificationsTitle: "All quiet",
  noNotificationsBody: "Who follows you, likes what you post, answers or mentions you appears here.",
  markAllSeen: "Mark all as seen",
  notSeen: "new",
  newNotifications: (count: number) => (count === 1 ? "1 new notification" : `${count} new notifications`),
  newMessages: (count: number) => (count === 1 ? "1 new message" : `${count} new messages`),
  notified: {
    follow: (...by: Who) => `${who(...by)} followed you`,
    like: (...by: Who) => `${who(...by)} liked your video`,
    likePictures: (...by: Who) => `${who(...by)} liked your pictures`,
    comment: (...by: Who) => `${who(...by)} commented on your video`,
    commentPictures: (...by: Who) => `${who(...by)} commented on your pictures`,
    reply: (...by: Who) => `${who(...by)} answered your comment`,
    mention: (...by: Who) => `${who(...by)} mentioned you`,
    published: "Your video is published",
    publishedPictures: "Your pictures are published",
    failed: "Your video could not be made",
    failedPictures: "Your pictures could not be made",
    held: "Your video was put on hold by a moderator",
    heldPictures: "Your pictures were put on hold by a moderator",
    moderation: "The moderation team has decided something about you or what you posted",
    invitation: (...by: Who) => `${who(...by)} invited you to a group`,
  },
  notificationSettings: "Notifications",
  notificationSettingsBody:
    "What appears in your list, and what is pushed to devices that asked for it. Messages are pushed without their text; those of muted conversations are not.",
  notificationKinds: {
    follow: "New followers",
    like: "Likes",
    comment: "Comments",
    reply: "Answers to your comments",
    mention: "Mentions",
    published: "Your videos are published",
    failed: "Your videos that failed",
    invitation: "Invitations to groups",
    held: "Pauses by moderators",
    moderation: "What the moderation team decides",
    message: "Messages",
  },
  inList: "In the list",
  pushed: "Pushed",
  settingOf: (setting: string, kind: string) => `${kind}: ${setting}`,
  pushOn: "Push to this device",
  pushOff: "No more pushes to this device",
  pushUnable: "This browser cannot be pushed to.",
  pushAtHomeOnly:
    "On an iPhone or iPad this works once the page is on the home screen: “Share”, then “Add to Home Screen”; open it there and switch it on.",
  pushRefused: "You have forbidden notifications in this browser; its settings allow them again.",
  newsSound: "Sound for what is new",
  newsTitle: "Count in the title of the tab",
};
