import type { Dictionary } from "./dictionary.ts";
import type * as english from "./en-presence.ts";

export const presence: Pick<Dictionary, keyof typeof english.presence> = {
  online: "在线",
  lastSeen: (when) => `上次在线：${when}`,
  writing: "正在输入…",
  showPresence: "显示我的在线状态",
  showPresenceBody:
    "朋友和与你互发过消息的人可以看到你是否在线、上次何时在线。关闭后，你也看不到别人的在线状态。",
};
