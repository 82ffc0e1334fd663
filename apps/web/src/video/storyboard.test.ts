import { expect, test } from "vitest";
import { parseStoryboard, stillAt } from "./storyboard.ts";

const text = `WEBVTT

00:00.000 --> 00:02.000
board.jpg#xywh=0,0,90,160

NOTE nothing to see

01:00:02.000 --> 01:00:04.500 align:start
board.jpg#xywh=90,160,90,160

00:05.000 --> 00:06.000
words that somebody says
`;

test("a storyboard names the part of its sprite for each span, and nothing else is one", () => {
  const stills = parseStoryboard(text.replaceAll("\n", "\r\n"), "http://here/media/video/1/board.vtt");
  const url = "http://here/media/video/1/board.jpg";
  expect(stills).toEqual([
    { fromS: 0, url, x: 0, y: 0, width: 90, height: 160 },
    { fromS: 3602, url, x: 90, y: 160, width: 90, height: 160 },
  ]);
  expect(stillAt(stills, 1.9)).toBe(stills[0]);
  expect(stillAt(stills, 3603)).toBe(stills[1]);
  expect(stillAt(stills, 9999)).toBe(stills[1]);
  expect(stillAt([], 1)).toBeUndefined();
  expect(parseStoryboard("", "http://here/")).toEqual([]);
});
