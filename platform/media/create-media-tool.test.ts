import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createMediaTool } from "./create-media-tool.ts";
import type { MediaEngine, StreamFacts } from "./media-engine.ts";
import { DEFAULT_MEDIA_LIMITS } from "./media-limits.ts";

const film = fileURLToPath(new URL("testdata/fragmented.mp4", import.meta.url));

function stream(index: number, kind: "video" | "audio"): StreamFacts {
  return {
    ...{ index, kind, codec: kind === "video" ? "vp9" : "mp3", profile: "", isDefault: false },
    ...{ pixelFormat: "yuv420p", fieldOrder: "unknown", width: 320, height: 180 },
    ...{ pixelAspect: { num: 1, den: 1 }, frameRate: { num: 30, den: 1 } },
    ...{ nominalFrameRate: { num: 30, den: 1 }, transfer: "bt709", matrix: "bt709", primaries: "bt709" },
    ...{ fullRange: false, dolbyVisionBase: null, displayMatrix: null, attachedPicture: false },
    ...{ channels: 2, sampleRate: 48_000, frames: null },
  };
}

test("of sounds that cannot be decoded a few are tried, however many there are", async () => {
  const streams = [stream(0, "video"), ...Array.from({ length: 500 }, (_, i) => stream(i + 1, "audio"))];
  const spans = streams.map(({ index }) => ({
    ...{ index, parts: [{ startMs: 0, endMs: 1000, stepMs: 0 }], packets: 30, hiddenPackets: 0 },
    ...{ shownMs: 1000, hiddenMs: 0, uniform: true },
  }));
  let calls = 0;
  const engine: Partial<MediaEngine> = {
    survey: async () => ({ facts: { durationMs: 1000, streams }, spans }),
    async decodable(_source, asked) {
      calls++;
      return asked.filter(({ kind }) => kind === "video");
    },
  };
  const info = await createMediaTool(engine as MediaEngine, DEFAULT_MEDIA_LIMITS).probe(film);
  expect(info).toMatchObject({ audioStream: null, notices: ["SOUND_LEFT_OUT"] });
  expect(calls).toBe(5);
});
