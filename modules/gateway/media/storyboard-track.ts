import type { Storyboard } from "#contracts/gen/video_pb.ts";

/** WebVTT whose cues are parts of one picture (Media Fragments, `#xywh`): what players show while one scrubs. */
export function storyboardTrack(storyboard: Storyboard, uri: string): string {
  const { intervalMs, count, columns, tileWidth, tileHeight } = storyboard;
  const cues = Array.from({ length: count }, (_, at) => {
    const x = (at % columns) * tileWidth;
    const y = Math.floor(at / columns) * tileHeight;
    const times = `${time(at * intervalMs)} --> ${time((at + 1) * intervalMs)}`;
    return `${times}\n${uri}#xywh=${x},${y},${tileWidth},${tileHeight}\n`;
  });
  return `WEBVTT\n\n${cues.join("\n")}`;
}

function time(ms: number): string {
  const two = (number: number) => String(Math.floor(number)).padStart(2, "0");
  const seconds = ms / 1000;
  const millis = String(ms % 1000).padStart(3, "0");
  return `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}.${millis}`;
}
