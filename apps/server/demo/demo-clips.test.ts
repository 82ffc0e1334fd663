import { readdir, readFile } from "node:fs/promises";
import { expect, test } from "vitest";

/** Lengths of an MP4's tracks in seconds, from their media headers (version 0). */
function trackSeconds(mp4: Buffer): number[] {
  const found: number[] = [];
  for (let at = mp4.indexOf("mdhd"); at >= 0; at = mp4.indexOf("mdhd", at + 4))
    found.push(mp4.readUInt32BE(at + 20) / mp4.readUInt32BE(at + 16));
  return found;
}

test("the sound of every demonstration clip ends with its picture, so that a loop does not freeze", async () => {
  const folder = new URL("./", import.meta.url);
  const clips = (await readdir(folder)).filter((name) => name.endsWith(".mp4"));
  expect(clips.length).toBeGreaterThan(3);
  for (const name of clips) {
    const [picture, sound] = trackSeconds(await readFile(new URL(name, folder)));
    expect(sound! - picture!, name).toBeLessThan(0.025);
    expect(picture! - sound!, name).toBeLessThan(0.1);
  }
});
