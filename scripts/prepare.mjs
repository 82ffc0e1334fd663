// Installs what is missing and builds what changed. Plain JavaScript without dependencies: it runs before
// anything is installed.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const waitMs = 600_000;
const [major, minor] = process.versions.node.split(".").map(Number);

/** Brings `node_modules`, the server and the web client up to date; takes milliseconds when they are. */
export async function prepare({ web = true } = {}) {
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(
      `Douya needs Node.js 20.19 or newer; this is ${process.version}. Get one at https://nodejs.org.`,
    );
    process.exit(1);
  }
  await install();
  await whenChanged(
    "server",
    [
      ...["apps/server", "contracts", "modules", "platform", "package-lock.json"],
      ...["scripts/prepare.mjs", "scripts/load-program.mjs"],
    ],
    buildServer,
  );
  if (web)
    await whenChanged(
      "web",
      ["apps/web", "platform/media/magic.ts", "package-lock.json", "scripts/prepare.mjs"],
      buildWeb,
    );
}

/** Brings `node_modules` up to date. */
export async function install() {
  const folder = join(root, "node_modules");
  // A linked folder belongs to another checkout, which maintains it.
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) return;
  const stamp = join(folder, ".installed");
  const lock = readFileSync(join(root, "package-lock.json"));
  const wanted = createHash("sha256").update(process.version).update(lock).digest("hex");
  const installed = () => existsSync(stamp) && readFileSync(stamp, "utf8") === wanted;
  if (installed()) return;
  // Two concurrent installs would remove each other's files.
  await alone("install", () => {
    if (installed()) return;
    console.error("Installing what Douya needs (the first time this takes a minute) …");
    run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
    writeFileSync(stamp, wanted);
  });
}

/**
 * Runs `work` while no other process in this checkout does the same; the lock of a dead process is taken over. The
 * lock is a symbolic link whose target is its owner, so it never exists without an owner.
 */
export async function alone(name, work) {
  const lock = join(root, "build", `${name}.owner`);
  mkdirSync(join(root, "build"), { recursive: true });
  for (const untilMs = Date.now() + waitMs; !claim(lock); await delay(200)) {
    const owner = ownerOf(lock);
    if (owner !== undefined && !isAlive(owner)) takeAway(lock, owner);
    if (Date.now() > untilMs) throw new Error(`Process ${owner} holds ${lock}. End it, or remove the file.`);
  }
  try {
    await work();
  } finally {
    if (ownerOf(lock) === process.pid) unlinkSync(lock);
  }
}

/**
 * Removes the lock of a dead owner. Only one process at a time may, after checking again: else it could remove the
 * lock of a process that came in between.
 */
export function takeAway(lock, owner) {
  const guard = `${lock}.${owner}`;
  if (!claim(guard)) return;
  try {
    if (ownerOf(lock) === owner) unlinkSync(lock);
  } finally {
    unlinkSync(guard);
  }
}

function claim(lock) {
  try {
    symlinkSync(String(process.pid), lock);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

function ownerOf(lock) {
  try {
    return Number(readlinkSync(lock));
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

async function buildServer(out) {
  const { build, stop } = await import("esbuild");
  const options = {
    absWorkingDir: root,
    outdir: out,
    bundle: true,
    platform: "node",
    target: "node20",
    // As one file, the libraries start in half the time. Native code stays outside.
    external: ["@node-rs/argon2", "node-av", "pg-native"],
    plugins: [readsOwnFolder("@fastify/swagger-ui")],
    sourcemap: true,
    logLevel: "warning",
  };
  await build({
    ...options,
    entryPoints: { main: "apps/server/main.ts" },
    // A script, of which V8's compiled form can be kept.
    format: "cjs",
    outExtension: { ".js": ".cjs" },
    define: { "import.meta.url": "ownUrl" },
    banner: {
      js: [
        'const ownUrl = require("node:url").pathToFileURL(__filename).href;',
        // As newer versions of Node.js have it. Without it, pg makes a Response to find out where it runs, which loads
        // Node's client for fetch: some 40 ms of each start.
        'globalThis.navigator ??= { userAgent: "Node.js" };',
      ].join("\n"),
    },
  });
  copyFileSync(join(root, "scripts/load-program.mjs"), join(out, "main.js"));
  await build({
    ...options,
    entryPoints: { "media-worker": "platform/media/worker/media-worker.ts" },
    format: "esm",
    banner: {
      js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
    },
  });
  // Its service process would otherwise stay as long as this one runs.
  await stop();
}

/** A package finds its files where it is installed, although its code is in the bundle. */
function readsOwnFolder(name) {
  const inside = `/node_modules/${name}/`;
  return {
    name,
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, ({ path }) => {
        const [, file] = path.split(inside);
        if (file === undefined) return undefined;
        const installed = `require("node:module").createRequire(ownUrl).resolve("${name}/${file}")`;
        const folder = `require("node:path").dirname(${installed})`;
        return { contents: readFileSync(path, "utf8").replaceAll("__dirname", folder) };
      });
    },
  };
}

async function buildWeb(out) {
  console.error("Building the web client …");
  const { build } = await import("vite");
  await build({
    root: join(root, "apps/web"),
    configFile: join(root, "apps/web/vite.config.ts"),
    logLevel: "error",
    build: { outDir: out, emptyOutDir: true },
  });
}

/** Builds into a draft folder and swaps it in, so that concurrent starts do no harm. */
async function whenChanged(name, inputs, build) {
  const stamp = join(root, "build", `${name}.stamp`);
  const now = hash(inputs.flatMap((input) => filesBelow(join(root, input))));
  const target = join(root, "build", name);
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === now) return;
  const draft = `${target}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  await build(draft);
  rmSync(target, { recursive: true, force: true });
  try {
    renameSync(draft, target);
  } catch (error) {
    // Another start was quicker and built the same.
    rmSync(draft, { recursive: true, force: true });
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  }
  writeFileSync(stamp, now);
}

/** A hash of names, sizes and times, as in make: quick, and right for a work tree. */
function hash(files) {
  const digest = createHash("sha256").update(process.version);
  for (const file of files) {
    const { size, mtime } = statSync(file);
    digest.update(`${file} ${size} ${mtime.getTime()}\n`);
  }
  return digest.digest("hex");
}

export function filesBelow(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter(
      (entry) => !["node_modules", "dist", "testdata"].includes(entry.name) && !entry.name.includes(".test."),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => filesBelow(join(path, entry.name)));
}

export function run(command, args) {
  execFileSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
}
