// Cleans up after a test run: `end-test-run <folder>` waits for the end of its input, which comes when the runner has
// ended in any way (kill -9 included), then ends every process that the run has started and removes the folder. A
// process belongs to the run if it or an ancestor has the folder in its arguments or its environment. Lines of the
// input are process ids, which identify the folders of databases in memory.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

const politeMs = 4_000;
const limitMs = 15_000;
const memoryFolder = "/dev/shm";
const [folder] = process.argv.slice(2);
const roots = new Set();

// The terminal's Ctrl-C is for the runner; this comes after it.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});
for await (const line of createInterface({ input: process.stdin })) roots.add(Number(line));

const memory = [...roots].map((root) => join(memoryFolder, `douya-test-${root}-`));
const begunMs = Date.now();
/** Once cleanly, so that servers stop their databases; then repeatedly, since a server may start another. */
for (const asked = new Set(); ; await delay(50)) {
  const left = members();
  if (left.length === 0 || Date.now() - begunMs > limitMs) break;
  const polite = Date.now() - begunMs < politeMs;
  for (const pid of left) {
    if (polite && asked.has(pid)) continue;
    asked.add(pid);
    end(pid, polite ? "SIGTERM" : "SIGKILL");
  }
}
rmSync(folder, { recursive: true, force: true });
for (const prefix of memory)
  for (const name of namesIn(memoryFolder))
    if (join(memoryFolder, name).startsWith(prefix))
      rmSync(join(memoryFolder, name), { recursive: true, force: true });

function end(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function namesIn(path) {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** The run's processes, except this one. */
function members() {
  const marks = [folder, ...memory];
  const processes = namesIn("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(processOf);
  // Not by its id alone: that may belong to another process by now.
  const found = new Set();
  for (const { pid, words } of processes) if (marks.some((mark) => words.includes(mark))) found.add(pid);
  // Descendants, from the oldest on; ids may have wrapped around, so until nothing is new.
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { pid, parent } of processes) if (found.has(parent)) found.add(pid);
  }
  return processes
    .filter(({ pid, dead }) => found.has(pid) && !dead && pid !== process.pid)
    .map(({ pid }) => pid);
}

function processOf(name) {
  const read = (file) => {
    try {
      return readFileSync(`/proc/${name}/${file}`, "utf8");
    } catch {
      return "";
    }
  };
  const [state, parent] = read("stat").split(") ").at(-1).split(" ");
  return {
    pid: Number(name),
    parent: Number(parent),
    dead: state === "Z" || state === "X" || state === "",
    words: `${read("cmdline")}\0${read("environ")}`,
  };
}
