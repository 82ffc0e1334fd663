import { AV_NOPTS_VALUE } from "node-av/constants";
import { Frame } from "node-av/lib";
import { LUFS_KEY, loudnessOf, MEASURE_FILTER, PEAK_KEY } from "../loudness.ts";
import type { LoudnessJob } from "../media-engine.ts";
import { eachPacket, openSource, StreamDecoder } from "./open-source.ts";
import { SoundChain } from "./sound-chain.ts";
import type { WorkerBounds } from "./worker-job.ts";

export function measureLoudness(job: LoudnessJob, bounds: WorkerBounds) {
  const source = openSource(job.source);
  const stream = source.streams[job.stream]!;
  const shift = BigInt(Math.round(job.baseMs / 1000 / stream.timeBase.toDouble()));
  const chain = new SoundChain(`${job.filter},${MEASURE_FILTER}`, stream.timeBase, bounds.threads);
  let lufs: string | undefined;
  let peak: string | undefined;
  const visit = (frame: Frame) => {
    const told = frame.getMetadata();
    lufs = told.get(LUFS_KEY) ?? lufs;
    peak = told.get(PEAK_KEY) ?? peak;
    return true;
  };
  const input = new Frame();
  input.alloc();
  const decoder = new StreamDecoder(stream, bounds, input, (frame) => {
    if (frame.pts !== AV_NOPTS_VALUE) frame.pts -= shift;
    return chain.push(frame, visit);
  });
  eachPacket(source, [stream.index], (packet) => decoder.decode(packet));
  decoder.decode(null);
  chain.push(null, visit);
  return loudnessOf(lufs, peak);
}
