/** What makes H.264 of pictures: the software that is always there, or hardware that a machine may have. */
export interface Encoder {
  /** libavcodec's name. */
  name: string;
  /** Options of the program that open the device, and the filters that take pictures there. */
  device: readonly string[];
  upload: readonly string[];
  /** Its own words for a bit rate that follows content, with a cap. */
  options(capBitsPerSecond: number): Record<string, string>;
}

const capped = (cap: number) => ({ maxrate: String(cap), bufsize: String(2 * cap) });

export const SOFTWARE: Encoder = {
  name: "libx264",
  device: [],
  upload: [],
  options: (cap) => ({ ...capped(cap), threads: "1" }),
};

/** In the order in which they are preferred. */
export const HARDWARE: readonly Encoder[] = [
  {
    name: "h264_nvenc",
    device: [],
    upload: [],
    options: (cap) => ({
      ...capped(cap),
      preset: "p4",
      rc: "vbr",
      cq: "25",
      "forced-idr": "1",
      profile: "high",
    }),
  },
  {
    name: "h264_qsv",
    device: [],
    upload: ["format=nv12"],
    options: (cap) => ({ ...capped(cap), global_quality: "25", forced_idr: "1", profile: "high" }),
  },
  {
    name: "h264_vaapi",
    device: ["-vaapi_device", "/dev/dri/renderD128"],
    upload: ["format=nv12", "hwupload"],
    options: (cap) => ({ ...capped(cap), b: String(Math.round(cap * 0.7)), rc_mode: "VBR", profile: "high" }),
  },
  {
    name: "h264_videotoolbox",
    device: [],
    upload: [],
    options: (cap) => ({ ...capped(cap), b: String(Math.round(cap * 0.7)), profile: "high" }),
  },
];

/** How many pictures a trial encodes. */
export const TRIAL_FRAMES = 10;

/** The outcome of a trial: what is wrong, if it does not work. */
export interface TriedEncoder {
  name: string;
  problem: string | null;
}
