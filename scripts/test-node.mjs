// `npm run test:node`: installs and builds with the Node.js that runs this, then runs the short suite of
// vitest.node.config.ts on newer ones, which the npm registry has. Linux only; they are kept in build/node.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { alone, prepare, root, run } from "./prepare.mjs";

const versions = ["22.23.3", "24.21.0"];

await prepare();
let failed = 0;
for (const version of versions) {
  const node = await fetchNode(version);
  const args = ["run", "--config=vitest.node.config.ts"];
  const { status } = spawnSync(node, [join(root, "node_modules/vitest/vitest.mjs"), ...args], {
    cwd: root,
    stdio: "inherit",
  });
  console.log(`${status === 0 ? "ok   " : "FAIL "} Node.js ${version}`);
  if (status !== 0) failed++;
}
console.log(`${versions.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function fetchNode(version) {
  const name = `node-linux-${process.arch}`;
  const folder = join(root, "build/node", version);
  const node = join(folder, "node_modules", name, "bin/node");
  await alone("node", () => {
    if (existsSync(node)) return;
    mkdirSync(folder, { recursive: true });
    const flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run("npm", ["install", `--prefix=${folder}`, ...flags, `${name}@${version}`]);
  });
  return node;
}
