import { execFileSync } from "node:child_process";

const args = "-v error -f jpeg_pipe -i pipe:0 -f rawvideo -pix_fmt gray pipe:1".split(" ");

/** How bright each pixel of a JPEG is, row by row, a byte each; by the ffmpeg on the PATH. */
export function greyPixels(jpeg: Buffer): Buffer {
  return execFileSync("ffmpeg", args, { input: jpeg, maxBuffer: 2 ** 26 });
}
