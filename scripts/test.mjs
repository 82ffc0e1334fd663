// `npm test`: everything that must be true before a change lands. Arguments go to vitest and skip the checks.
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { prepare, root } from "./prepare.mjs";

const only = process.argv.slice(2);
const startedMs = Date.now();
// Everything temporary of the run is in here, and its processes are identified by it.
const folder = mkdtempSync(join(tmpdir(), "douya-test-"));
process.env.TMPDIR = folder;
// The database may run as another account if this one is root.
chmodSync(folder, 0o755);
// Started processes are cleaned up, however this one ends.
const ending = spawn(process.execPath, [join(root, "scripts/end-test-run.mjs"), folder], {
  detached: true,
  stdio: ["pipe", "ignore", "inherit"],
});
await prepare();

const bin = (name) => join(root, "node_modules", ".bin", name);
/** A third of the time of 5.9, whose interface depcruise and openapi-typescript want; both have a program of this name. */
const tsc = join(root, "node_modules/typescript7/bin/tsc");
/** Of the two lists, each is gone through beside the other. */
const steps = [
  [["types of the server", process.execPath, [tsc, "-p", "."]]],
  [
    ["format and lint", bin("biome"), ["check", "--error-on-warnings", "."]],
    ["types of the web client", process.execPath, [tsc, "-p", "apps/web"]],
    [
      "import rules",
      bin("depcruise"),
      ["--config", ".dependency-cruiser.mjs", "apps", "contracts", "modules", "platform", "tests", "bench"],
    ],
    ["nothing unused", bin("knip"), ["--no-progress"]],
    ["contracts", bin("buf"), ["lint"]],
    [
      "contracts, as released ones are used",
      bin("buf"),
      ["breaking", "--against", "contracts/released.binpb"],
    ],
  ],
];
if (only.length === 0) {
  await Promise.all(steps.map(checkAll));
  await check("generated code", generatedIsFresh);
}
process.exit(await runTests());

async function checkAll(steps) {
  for (const [what, command, args] of steps)
    await check(what, () => promisify(execFile)(command, args, { cwd: root, maxBuffer: 1e8 }));
}

async function check(what, work) {
  const sinceMs = Date.now();
  try {
    await work();
    console.log(`ok    ${what} (${((Date.now() - sinceMs) / 1000).toFixed(1)} s)`);
  } catch (error) {
    console.log(`FAIL  ${what}\n${error.stdout ?? ""}${error.stderr ?? error}`);
    console.log("0 passed, 1 failed");
    process.exit(1);
  }
}

/** Generates again and compares, so that nobody edits generated files by hand. */
function generatedIsFresh() {
  const generated = [
    "contracts/gen",
    "platform/registry/etcd/gen",
    "apps/web/src/api.gen.ts",
    "docs/reasons.md",
    "docs/metrics.md",
    "deploy/observe",
  ];
  const read = () =>
    execFileSync("git", ["ls-files", "-z", ...generated], { cwd: root, encoding: "utf8" })
      .split("\0")
      .filter(Boolean)
      .map((file) => [file, readFileSync(join(root, file), "utf8")]);
  const before = read();
  execFileSync(process.execPath, ["scripts/generate.mjs"], { cwd: root, stdio: "pipe" });
  const after = new Map(read());
  const stale = before.filter(([file, text]) => after.get(file) !== text).map(([file]) => file);
  if (stale.length > 0)
    throw new Error(`${stale.join(", ")} was out of date; it is generated now, commit it.`);
}

/** Runs vitest, and ends with one line of counts and one for each missing tool. */
async function runTests() {
  const report = join(folder, "report.json");
  const args = ["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...only];
  const vitest = spawn(bin("vitest"), args, {
    cwd: root,
    // A session of its own: a Ctrl-C reaches only us.
    detached: true,
    stdio: ["ignore", "inherit", "inherit"],
  });
  ending.stdin.write(`${vitest.pid}\n`);
  const ended = once(vitest, "exit").then(([status, signal]) => ({ status, signal }));
  const { status, signal } = await Promise.race([ended, interrupted()]);
  if (signal) console.log(`\nStopped by ${signal}. Ending what was started …`);
  const failed = signal ? undefined : conclude(status, report);
  ending.stdin.end();
  await once(ending, "exit");
  return signal ? 130 : failed;
}

/** Resolves with the name of the signal that asks us to end. */
function interrupted() {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => resolve({ signal }));
    // npm runs us in a shell, and passes a SIGTERM to that, which ends without telling us.
    const parent = process.ppid;
    setInterval(() => process.ppid !== parent && resolve({ signal: "SIGTERM" }), 500).unref();
  });
}

function conclude(status, report) {
  if (!existsSync(report)) {
    console.log("vitest ended without a report.\n0 passed, 1 failed");
    return 1;
  }
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  const brokenFiles = testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  const lacking = new Map();
  for (const test of testResults.flatMap((file) => file.assertionResults)) {
    const why = test.meta?.lacks;
    if (why) lacking.set(why, (lacking.get(why) ?? 0) + 1);
  }
  const isWhole = only.every((argument) => argument.startsWith("--config="));
  const skippedInCi = process.env.CI && numPendingTests > 0 && isWhole;
  console.log(`\nAll of it took ${Math.round((Date.now() - startedMs) / 1000)} s.`);
  if (only.length === 0)
    console.log("The cluster of all engines has a command of its own: npm run test:cluster.");
  if (skippedInCi)
    for (const { status, fullName } of testResults.flatMap((file) => file.assertionResults))
      if (status === "pending" || status === "skipped")
        console.log(`Not run, which counts as failed in CI: ${fullName}`);
  for (const [why, count] of lacking) console.log(`This machine lacks ${why}: ${count} tests did not run.`);
  const failed = numFailedTests + brokenFiles.length + (skippedInCi ? numPendingTests : 0);
  console.log(`${numPassedTests} passed, ${failed} failed, ${skippedInCi ? 0 : numPendingTests} skipped`);
  return status !== 0 || failed > 0 ? 1 : 0;
}
