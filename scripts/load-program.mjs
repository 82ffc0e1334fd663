// Becomes build/server/main.js. The program is a file of 7 MB: compiling what a start needs of it takes a good part of the
// processor time, so what V8 made of it is kept beside it.
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import Module from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { cachedDataVersionTag, setFlagsFromString } from "node:v8";
import { constants, Script } from "node:vm";

// Once many objects from one place in the code have survived a collection or two, V8 allocates all objects from there in
// the old generation, where only a full collection frees them. One busy moment is enough to trigger this; then objects
// that live as long as a request cause a full collection every two seconds, with a stall of 10 to 20 ms. A V8 that does
// not know the flag reports it and continues. Before anything is compiled: what was with other options is not used.
setFlagsFromString("--no-allocation-site-pretenuring");
// Room for young objects is doubled after each collection in which many of them stay; at a start nearly all do.
setFlagsFromString("--semi-space-growth-factor=4");

const file = fileURLToPath(new URL("main.cjs", import.meta.url));
// Only the same V8 with the same options can use it, for the same file; V8 itself would compare only its length.
const kept = `${file}.${cachedDataVersionTag()}.${statSync(file).mtimeMs}`;

// esbuild writes ASCII.
const script = new Script(Module.wrap(readFileSync(file, "latin1")), {
  filename: file,
  cachedData: read(kept),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
const module = { exports: {} };
script.runInThisContext()(module.exports, Module.createRequire(file), module, file, dirname(file));

/** The command line. What it has compiled is kept once a server has started, and with it all that a start needs. */
export function main(args) {
  return module.exports.main(args, () => script.cachedDataRejected !== false && keep());
}

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function keep() {
  const draft = `${kept}.${process.pid}`;
  try {
    writeFileSync(draft, script.createCachedData());
    renameSync(draft, kept);
  } catch {
    // The folder may belong to someone else, or the disk be full: then this start was as slow as the next.
    rmSync(draft, { force: true });
  }
}
