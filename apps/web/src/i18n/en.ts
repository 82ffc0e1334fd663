import { account, settings } from "./en-account.ts";
import { acts } from "./en-acts.ts";
import { groups } from "./en-groups.ts";
import { moderation } from "./en-moderation.ts";
import { notifications } from "./en-notifications.ts";
import { pictures } from "./en-pictures.ts";
import { playback } from "./en-playback.ts";
import { presence } from "./en-presence.ts";
import { reasons } from "./en-reasons.ts";
import { comments, messages, social } from "./en-social.ts";
import { profile, upload } from "./en-studio.ts";
import { spanIn } from "./format.ts";

const shell = {
  appName: "Douya",
  skipToContent: "Skip to content",
  mainNavigation: "Main",
  home: "Home",
  upload: "Upload",
  me: "Me",
  profile: "Profile",
  settings: "Settings",
  logIn: "Log in",
  back: "Back",
  close: "Close",
  cancel: "Cancel",
  save: "Save",
  saving: "Saving…",
  retry: "Try again",
  retryIn: (ms: number) => `Retry in ${spanIn("en", ms)}`,
  tryAgainSoon: "Try again in a moment.",
  tryAgainIn: (ms: number) => `Try again in ${spanIn("en", ms)}.`,
  sentences: (first: string, second: string) => `${first} ${second}`,
  loading: "Loading…",
  more: "more",
  less: "less",
  notFoundTitle: "Nothing grows here",
  notFoundBody: "This page does not exist, or no longer does.",
  toFeed: "To the videos",
  crashedTitle: "Something broke",
  crashedBody: "It is our fault. Reload the page to go on.",
  reload: "Reload",
  missingTitle: "This page could not be loaded",
  missingBody: "There may be a newer version. Reload to go on.",
};

const feed = {
  feed: "Videos",
  feedTail: "After the last video",
  videoBy: (name: string) => `Video by ${name}`,
  play: "Play",
  pause: "Pause",
  soundOn: "Turn sound on",
  soundOff: "Turn sound off",
  sound: "Sound",
  tapForSound: "Tap for sound",
  clickForSound: "Click for sound",
  fullscreen: "Full screen",
  fullscreenEnd: "End full screen",
  share: "Share",
  linkCopied: "Link copied",
  copyFailed: "The link could not be copied.",
  position: "Position in the video",
  positionOf: (now: string, all: string) => `${now} of ${all}`,
  next: "Next video",
  previous: "Previous video",
  emptyTitle: "Be the first seed",
  emptyBody: "There are no videos yet. Upload one, and it plays here for everybody.",
  emptyAction: "Upload the first video",
  endTitle: "You have seen it all",
  endBody: "New videos will appear here.",
  toTop: "Back to the newest",
  feedFailed: "The videos could not be loaded",
  playFailed: "This video cannot be played right now.",
  videoGoneTitle: "This video is not here",
  videoGoneBody: "It was removed, or the link is wrong.",
  notReady: "This video is still being prepared.",
  keysTitle: "Keys",
  keysMove: "next, previous",
  keysPause: "pause",
  keysSeek: "back, forward",
  keysSound: "sound",
};

export const en = {
  ...shell,
  ...feed,
  ...profile,
  ...upload,
  ...account,
  ...settings,
  ...social,
  ...comments,
  ...messages,
  ...acts,
  groups,
  ...presence,
  ...moderation,
  ...pictures,
  ...notifications,
  ...playback,
  reasons,
};
