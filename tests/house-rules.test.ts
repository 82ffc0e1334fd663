import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

function tracked(...patterns: string[]): string[] {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard", "-z", ...patterns];
  return execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0").filter(Boolean);
}

/** The lines that match, as `file:line: text`. */
function linesWith(pattern: RegExp, files: string[]): string[] {
  return files.flatMap((file) =>
    readFileSync(join(root, file), "utf8")
      .split("\n")
      .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim()}`] : [])),
  );
}

test("nothing in the project needs a folder outside it", () => {
  const beside = ["..", "shared"].join("/");
  const text = tracked().filter((file) => /\.(md|ts|tsx|mjs|json|sh|yaml)$|^\.ci\//.test(file));
  expect(text.length).toBeGreaterThan(100);
  expect(linesWith(new RegExp(beside.replaceAll(".", "\\.")), text)).toEqual([]);
});

test("no test has a clock of its own: platform/testing/patience.ts says how long one waits", () => {
  const ownDeadline = /\btimeout: [\d_]+|^ *\}, [\d_]+_000\);$|\bvi\.waitFor\(|\bwithin\([\d_]+,/;
  const speed = /(performance|Date)\.now\(\) - \w+\)\.toBeLessThan/;
  const tests = tracked("*.test.ts", "tests/harness/*.ts").filter((file) => !file.startsWith("bench/"));
  expect(linesWith(ownDeadline, tests)).toEqual([]);
  expect(linesWith(speed, tests)).toEqual([]);
});

test("a module has the database it is given, and no connections of its own", () => {
  const modules = tracked("modules/*.ts").filter((file) => !file.endsWith(".test.ts"));
  expect(modules.length).toBeGreaterThan(100);
  expect(linesWith(/\bopenDatabase\b|\b[pP]ool\b/, modules)).toEqual([]);
});

test("nothing waits for a time limit that Node.js 20 may collect: platform/rpc/within-time.ts keeps it", () => {
  const shipped = tracked("apps/server/*.ts", "modules/*.ts", "platform/*.ts").map((file) => {
    const text = readFileSync(join(root, file), "utf8");
    return /AbortSignal\.any\([^;]*AbortSignal\.timeout/.test(text) ? file : "";
  });
  expect(shipped.length).toBeGreaterThan(100);
  expect(shipped.filter(Boolean)).toEqual([]);
});
