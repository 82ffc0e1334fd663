import { fileURLToPath } from "node:url";
import { build } from "esbuild";

/** Bundles the worker that `findMediaTool` starts; `outfile` must be where `node-av` can be resolved. */
export async function bundleMediaWorker(outfile: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL("worker/media-worker.ts", import.meta.url))],
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    external: ["node-av", "node-av/*"],
    outfile,
    logLevel: "error",
  });
}
