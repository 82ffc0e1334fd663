/** A small picture of a film, in a sprite; it stands until the next one. */
export interface Still {
  fromS: number;
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const start = /^(?:(\d{1,3}):)?(\d\d):(\d\d\.\d{3}) --> /;
const part = /^(\d{1,5}),(\d{1,5}),(\d{1,5}),(\d{1,5})$/;

/** Reads WebVTT whose cues name a part of a sprite; what is no such cue is left out. */
export function parseStoryboard(text: string, base: string): Still[] {
  const lines = text.split(/\r?\n/);
  return lines.flatMap((line, at) => {
    const from = start.exec(line);
    const [url, box = ""] = lines[at + 1]?.split("#xywh=") ?? [];
    const place = part.exec(box);
    if (!from || !url || !place) return [];
    const [x, y, width, height] = place.slice(1).map(Number) as [number, number, number, number];
    const [hours = 0, minutes, seconds] = from.slice(1).map((found) => Number(found ?? 0));
    const fromS = (hours * 60 + minutes!) * 60 + seconds!;
    return [{ fromS, url: new URL(url, base).href, x, y, width, height }];
  });
}

export function stillAt(stills: readonly Still[], atS: number): Still | undefined {
  return stills.findLast(({ fromS }) => fromS <= atS) ?? stills[0];
}
