/** How loud sound is, by EBU R128. */
export interface Loudness {
  /** Of the whole (integrated), in LUFS. */
  lufs: number;
  /** The true peak, in dBTP. */
  peakDb: number;
}

/** Below it there is nothing to hear that should become louder. */
const SILENT_LUFS = -60;
/** More would make the noise of a room a storm. */
const MOST_GAIN_DB = 20;
const LEAST_GAIN_DB = -40;
/** What nobody hears. */
const FINE_DB = 0.5;
const MAX_PEAK_DB = -1;
/** What an encoder may add to a peak. */
const ENCODER_DB = 1;

/** Measures what comes through it, and writes it into the metadata of each frame. */
export const MEASURE_FILTER = "ebur128=metadata=1:peak=true";
export const LUFS_KEY = "lavfi.r128.I";
export const PEAK_KEY = "lavfi.r128.true_peak";

/** From the last values of the metadata; null where there was no sound. */
export function loudnessOf(lufs: string | undefined, peak: string | undefined): Loudness | null {
  const found = { lufs: Number(lufs ?? Number.NaN), peakDb: 20 * Math.log10(Number(peak ?? Number.NaN)) };
  if (!Number.isFinite(found.lufs) || Number.isNaN(found.peakDb)) return null;
  return { lufs: found.lufs, peakDb: Math.max(-120, found.peakDb) };
}

/** Filters that bring sound to a loudness; none for what is there already, and for silence. */
export function loudnessFilters(measured: Loudness | null, targetLufs: number | null): string[] {
  if (!measured || targetLufs === null || measured.lufs < SILENT_LUFS) return [];
  const wanted = Math.max(LEAST_GAIN_DB, Math.min(MOST_GAIN_DB, targetLufs - measured.lufs));
  const gain = Math.abs(wanted) < FINE_DB ? 0 : wanted;
  const highest = MAX_PEAK_DB - ENCODER_DB;
  // Four times the rate: the true peak is between samples.
  const limit = (10 ** (highest / 20)).toFixed(4);
  const limiter = [
    "aresample=192000",
    `alimiter=level=disabled:limit=${limit}:attack=5:release=50`,
    "aresample=48000",
  ];
  return [
    ...(gain === 0 ? [] : [`volume=${gain.toFixed(2)}dB`]),
    ...(measured.peakDb + gain > highest ? limiter : []),
  ];
}
