import { build } from "esbuild";

/** Turns a TypeScript file into one `.mjs` that `node` runs anywhere, for tests that need a process of their own. */
export async function bundleScript(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    // Optional native half of pg that we do not install.
    external: ["pg-native"],
    // Dependencies in CommonJS call require.
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
    logLevel: "silent",
  });
}
