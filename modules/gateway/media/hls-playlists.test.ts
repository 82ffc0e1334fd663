import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { RenditionSchema } from "#contracts/gen/video_pb.ts";
import { masterPlaylist } from "./hls-playlists.ts";

const bandwidth = (seconds: number[], bytes: number[]) => {
  const fragmentUs = seconds.map((each) => each * 1_000_000);
  const rung = create(RenditionSchema, {
    shortSide: 360,
    codecs: "avc1",
    fps: 30,
    fragmentBytes: bytes,
    fragmentUs,
    averageBitrate: (bytes.reduce((a, b) => a + b) * 8) / seconds.reduce((a, b) => a + b),
  });
  return Number(/[:,]BANDWIDTH=(\d+)/.exec(masterPlaylist([rung]))![1]);
};

it("a rung needs what its heaviest seconds need, not what its last picture would", () => {
  expect(bandwidth([2, 2, 0.04], [100_000, 200_000, 40_000])).toBe(941_177);
  expect(bandwidth([1, 1, 2], [250_000, 50_000, 100_000])).toBe(2_000_000);
  expect(bandwidth([0.2], [10_000])).toBe(400_000);
});
