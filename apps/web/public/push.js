// Shows what is pushed while no page is in view, and opens the page that it is about.

const texts = {
  en: {
    who: (name, others) => (others > 0 ? `${name} and ${others} ${others > 1 ? "others" : "other"}` : name),
    follow: (who) => `${who} followed you`,
    like: (who) => `${who} liked your post`,
    comment: (who) => `${who} commented on your post`,
    reply: (who) => `${who} answered your comment`,
    mention: (who) => `${who} mentioned you`,
    published: () => "Your post is published",
    failed: () => "Your post could not be made",
    title: "Douya",
  },
  zh: {
    who: (name, others) => (others > 0 ? `${name} 和另外 ${others} 人` : name),
    follow: (who) => `${who} 关注了你`,
    like: (who) => `${who} 赞了你的作品`,
    comment: (who) => `${who} 评论了你的作品`,
    reply: (who) => `${who} 回复了你的评论`,
    mention: (who) => `${who} 提到了你`,
    published: () => "你的作品已发布",
    failed: () => "你的作品处理失败",
    title: "豆芽",
  },
};

function placeOf({ kind, videoId, commentId, actorId, others }) {
  if (kind === "failed") return "/me";
  if (videoId) return commentId ? `/video/${videoId}?comments=open` : `/video/${videoId}`;
  return actorId && others === 0 ? `/user/${actorId}` : "/notifications";
}

async function show(pushed) {
  const pages = await clients.matchAll({ type: "window", includeUncontrolled: true });
  // Who looks at a page is told there.
  if (pages.some(({ visibilityState }) => visibilityState === "visible")) return;
  const words = texts[pushed.language] ?? texts.en;
  const say = words[pushed.kind] ?? (() => words.title);
  await registration.showNotification(words.title, {
    body: say(words.who(pushed.name, pushed.others)),
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
