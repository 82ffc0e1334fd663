// `npm run bench`: measures our ratios against their ceilings; see docs/benchmarks.md. The first argument names the
// program in bench/, which is given the others.
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { prepare, root } from "./prepare.mjs";

const [program, ...options] = process.argv.slice(2);
await prepare();
const { build } = await import("esbuild");
const scripts = (folder) =>
  readdirSync(join(root, folder))
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
    .map((file) => join(folder, file));
await build({
  absWorkingDir: root,
  entryPoints: [`bench/${program}.ts`, ...scripts("bench/load"), ...scripts("bench/ceilings")],
  outbase: "bench",
  outdir: join(root, "build/bench"),
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  packages: "external",
  sourcemap: true,
  logLevel: "warning",
});
const child = spawn(
  process.execPath,
  ["--enable-source-maps", join(root, `build/bench/${program}.js`), ...options],
  { cwd: root, stdio: "inherit" },
);
// Ctrl-C reaches the whole group; the child then stops what it started, and is waited for.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
child.on("exit", (code) => process.exit(code ?? 1));
