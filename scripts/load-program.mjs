// Becomes build/server/main.js. The program is a file of 7 MB: compiling it takes a fifth of the processor time of a
// start, so what V8 made of it is kept beside it.
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import Module from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { cachedDataVersionTag } from "node:v8";
import { constants, Script } from "node:vm";

const file = fileURLToPath(new URL("main.cjs", import.meta.url));
// Only the same V8 with the same options can use it, for the same file; V8 itself would compare only its length.
const kept = `${file}.${cachedDataVersionTag()}.${statSync(file).mtimeMs}`;

const script = new Script(Module.wrap(readFileSync(file, "utf8")), {
  filename: file,
  cachedData: read(kept),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});
const module = { exports: {} };
script.runInThisContext()(module.exports, Module.createRequire(file), module, file, dirname(file));
if (script.cachedDataRejected !== false) keep();

export const { main } = module.exports;

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
