/** A small picture of a film, in a sprite; it stands until the next one. */
export interface Still {
  fromS: number;
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const time = String.raw`(?:(\d+):)?(\d\d):(\d\d\.\d{3})`;
const cue = new RegExp(String.raw`^${time} --> .*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$`, "gm");

/** Reads WebVTT whose cues name a part of a sprite; what is no such cue is left out. */
export function parseStoryboard(text: string, base: string): Still[] {
  return [...text.replaceAll("\r\n", "\n").matchAll(cue)].map((found) => {
    const number = (at: number) => Number(found[at] ?? 0);
    const seconds = (at: number) => (number(at) * 60 + number(at + 1)) * 60 + number(at + 2);
    return {
      fromS: seconds(1),
      url: new URL(found[4]!, base).href,
      x: number(5),
      y: number(6),
      width: number(7),
      height: number(8),
    };
  });
}

export function stillAt(stills: readonly Still[], atS: number): Still | undefined {
  return stills.findLast(({ fromS }) => fromS <= atS) ?? stills[0];
}
