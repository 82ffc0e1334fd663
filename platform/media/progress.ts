/** Reads the time of an output from a line of ffmpeg's -progress, a format that our worker uses too. */
export function outTimeMs(line: string): number | null {
  const microseconds = /^out_time_us=(\d+)$/.exec(line)?.[1];
  return microseconds === undefined ? null : Number(microseconds) / 1000;
}
