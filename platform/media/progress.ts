/** Reads the time an output goes up to from a line of ffmpeg's -progress, which our worker speaks too. */
export function outTimeMs(line: string): number | null {
  const microseconds = /^out_time_us=(\d+)$/.exec(line)?.[1];
  return microseconds === undefined ? null : Number(microseconds) / 1000;
}
