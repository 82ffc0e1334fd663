/** What a stranger's file may cost. Every step on it runs in a child process that is ended at the limit. */
export interface MediaLimits {
  /** Longest video that is accepted. */
  maxDurationMs: number;
  /** Longest side of a frame, as stored in the file. */
  maxSidePx: number;
  /** Most pixels in a video frame; slightly above 7680x4320. */
  maxFramePixels: number;
  /** Most pixels in an avatar or background. */
  maxPicturePixels: number;
  /** Largest file of a picture of a post. */
  maxPictureBytes: number;
  /** Shortest side of a picture of a post, and its longest as a multiple of the other. */
  minPictureSidePx: number;
  maxPictureRatio: number;
  /** Largest rendition. */
  maxOutputBytes: number;
  /** Resident memory of one child; watched on Linux, through /proc. */
  maxMemoryBytes: number;
  /** Threads of one child's decoder and encoder. */
  threads: number;
  /** Time for reading the headers and a first frame. */
  probeTimeoutMs: number;
  /** Time for reading a whole file without decoding it. */
  surveyTimeoutMs: number;
  /** Time for a cover or a picture. */
  stillTimeoutMs: number;
  /** Time for one rendition. */
  renditionTimeoutMs: number;
}

export const DEFAULT_MEDIA_LIMITS: Readonly<MediaLimits> = {
  maxDurationMs: 15 * 60_000,
  maxSidePx: 8192,
  maxFramePixels: 36_000_000,
  maxPicturePixels: 50_000_000,
  maxPictureBytes: 20 * 1024 ** 2,
  minPictureSidePx: 16,
  maxPictureRatio: 20,
  maxOutputBytes: 1024 ** 3,
  maxMemoryBytes: 1536 * 1024 ** 2,
  threads: 2,
  probeTimeoutMs: 20_000,
  surveyTimeoutMs: 60_000,
  stillTimeoutMs: 120_000,
  renditionTimeoutMs: 60 * 60_000,
};
