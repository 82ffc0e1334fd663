// `npm run test:node`: installs and builds with the Node.js that runs this, then runs the short suite of
// vitest.node.config.ts on newer ones, which the npm registry has. Linux only; they are kept in build/node.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { alone, prepare, root, run } from "./prepare.mjs";

const versions = ["22.23.3", "24.21.0"];

await prepare();
const programs = [];
for (const version of versions) programs.push(await fetchNode(version));
// Together, since half of the time some test waits.
const passed = await Promise.all(programs.map(runSuite));
const failed = passed.filter((well) => !well).length;
console.log(`${versions.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

async function runSuite(node, i) {
  const args = [join(root, "node_modules/vitest/vitest.mjs"), "run", "--config=vitest.node.config.ts"];
  const ran = await promisify(execFile)(node, args, { cwd: root, maxBuffer: 1e8 }).catch((error) => error);
  const well = !(ran instanceof Error);
  console.log(`${ran.stdout ?? ""}${ran.stderr ?? ran}${well ? "ok   " : "FAIL "} Node.js ${versions[i]}`);
  return well;
}

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
