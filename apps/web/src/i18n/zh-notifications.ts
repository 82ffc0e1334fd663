type Who = [names: readonly string[], more: number, number: string];
/** Who did it: the latest one or two, and how many more. */
const who = (...[names, more, number]: Who) => {
  const [first = "", second] = names;
  if (more > 0) return `${first} 和另外 ${number} 人`;
  return second === undefined ? first : `${first} 和 ${second}`;
};

export const notifications = {
  notifications: "通知",
  notificationsShort: "通知",
  noNotificationsTitle: "静悄悄的",
  noNotificationsBody: "有人关注你、赞你的作品、回复或提到你时，会出现在这里。",
  markAllSeen: "全部标为已读",
  notSeen: "新",
  newNotifications: (count: number) => `${count} 条新通知`,
  newMessages: (count: number) => `${count} 条新消息`,
  notified: {
    follow: (...by: Who) => `${who(...by)} 关注了你`,
    like: (...by: Who) => `${who(...by)} 赞了你的视频`,
    likePictures: (...by: Who) => `${who(...by)} 赞了你的图文`,
    comment: (...by: Who) => `${who(...by)} 评论了你的视频`,
    commentPictures: (...by: Who) => `${who(...by)} 评论了你的图文`,
    reply: (...by: Who) => `${who(...by)} 回复了你的评论`,
    mention: (...by: Who) => `${who(...by)} 提到了你`,
    published: "你的视频已发布",
    publishedPictures: "你的图文已发布",
    failed: "你的视频处理失败",
    failedPictures: "你的图文处理失败",
    held: "你的视频已被管理员暂停展示",
    heldPictures: "你的图文已被管理员暂停展示",
    moderation: "管理团队作出了与你有关的处理",
    invitation: (...by: Who) => `${who(...by)} 邀请你加入群聊`,
  },
  notificationSettings: "通知",
  notificationSettingsBody:
    "选择哪些出现在列表里，哪些推送到开启了推送的设备。消息推送不含内容；免打扰的会话不推送。",
  notificationKinds: {
    follow: "新粉丝",
    like: "赞",
    comment: "评论",
    reply: "对你评论的回复",
    mention: "提到你",
    published: "作品发布成功",
    failed: "作品处理失败",
    invitation: "群聊邀请",
    held: "作品被暂停展示",
    moderation: "管理团队的处理",
    message: "消息",
  },
  inList: "列表",
  pushed: "推送",
  settingOf: (setting: string, kind: string) => `${kind}：${setting}`,
  pushOn: "向此设备推送",
  pushOff: "停止向此设备推送",
  pushUnable: "此浏览器不支持推送。",
  pushAtHomeOnly: "在 iPhone 或 iPad 上，请先点“分享”，选择“添加到主屏幕”，再从主屏幕打开并开启推送。",
  pushRefused: "你已在浏览器中禁止通知，可在浏览器设置中重新允许。",
  newsSound: "新消息提示音",
  newsTitle: "在标签页标题显示数量",
};
