// Shows what is pushed while no page is in view, and opens the page that it is about.

/** The same words as in the page's dictionaries (src/i18n), which a test compares. */
const texts = {
  en: {
    who: (name, others) => (others > 0 ? `${name} and ${others > 1 ? `${others} others` : "1 other"}` : name),
    follow: (who) => `${who} followed you`,
    like: (who) => `${who} liked your video`,
    likePictures: (who) => `${who} liked your pictures`,
    comment: (who) => `${who} commented on your video`,
    commentPictures: (who) => `${who} commented on your pictures`,
    reply: (who) => `${who} answered your comment`,
    mention: (who) => `${who} mentioned you`,
    published: () => "Your video is published",
    publishedPictures: () => "Your pictures are published",
    failed: () => "Your video could not be made",
    failedPictures: () => "Your pictures could not be made",
    held: () => "Your video was put on hold by a moderator",
    heldPictures: () => "Your pictures were put on hold by a moderator",
    moderation: () => "The moderation team has decided something about you or what you posted",
    invitation: (who) => `${who} invited you to a group`,
    message: (count) => (count === 1 ? "1 new message" : `${count} new messages`),
    title: "Douya",
  },
  zh: {
    who: (name, others) => (others > 0 ? `${name} 和另外 ${others} 人` : name),
    follow: (who) => `${who} 关注了你`,
    like: (who) => `${who} 赞了你的视频`,
    likePictures: (who) => `${who} 赞了你的图文`,
    comment: (who) => `${who} 评论了你的视频`,
    commentPictures: (who) => `${who} 评论了你的图文`,
    reply: (who) => `${who} 回复了你的评论`,
    mention: (who) => `${who} 提到了你`,
    published: () => "你的视频已发布",
    publishedPictures: () => "你的图文已发布",
    failed: () => "你的视频处理失败",
    failedPictures: () => "你的图文处理失败",
    held: () => "你的视频已被管理员暂停展示",
    heldPictures: () => "你的图文已被管理员暂停展示",
    moderation: () => "管理团队作出了与你有关的处理",
    invitation: (who) => `${who} 邀请你加入群聊`,
    message: (count) => `${count} 条新消息`,
    title: "豆芽",
  },
};

function placeOf({ kind, videoId, commentId, actorId, others, conversationId, inGroup }) {
  if (kind === "failed") return "/me";
  if (kind === "invitation") return "/messages";
  if (kind === "moderation") return "/moderation/mine";
  if (conversationId) return `/messages/${inGroup ? "group/" : ""}${conversationId}`;
  if (videoId) return commentId ? `/video/${videoId}?comments=${commentId}` : `/video/${videoId}`;
  return actorId && others === 0 ? `/user/${actorId}` : "/notifications";
}

/** Its head, and what it says. */
function wordsOf({ kind, language, name, others, pictures, unread }) {
  const words = texts[language] ?? texts.en;
  if (kind === "message") return [name, words.message(unread)];
  const say = (pictures && words[`${kind}Pictures`]) || words[kind];
  return [words.title, say ? say(words.who(name, others)) : words.title];
}

async function show(pushed) {
  const pages = await clients.matchAll({ type: "window", includeUncontrolled: true });
  // Who looks at a page is told there.
  if (pages.some(({ visibilityState }) => visibilityState === "visible")) return;
  const [title, body] = wordsOf(pushed);
  await registration.showNotification(title, {
    body,
    icon: "/icon-192.png",
    lang: pushed.language,
    // A later one about the same takes its place.
    tag: pushed.id,
    data: placeOf(pushed),
  });
}

async function open(place) {
  const pages = await clients.matchAll({ type: "window" });
  const page =
    pages.find(({ url }) => new URL(url).pathname === new URL(place, location.origin).pathname) ?? pages[0];
  if (!page) return clients.openWindow(place);
  await page.focus();
  page.postMessage({ open: place });
}

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("push", (event) => event.waitUntil(show(event.data.json())));
addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});
