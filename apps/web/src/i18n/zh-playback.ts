import type { Dictionary } from "./dictionary.ts";
import type * as english from "./en-playback.ts";

export const playback: Pick<Dictionary, keyof typeof english.playback> = {
  views: "播放",
  goesOnAt: (time) => `从 ${time} 继续播放`,
  fromTheStart: "从头看",
};
