import { getPriority } from "node:os";
import { expect, test, vi } from "vitest";
import { patienceMs } from "../testing/patience.ts";
import { ChildFailed, runChild } from "./child-run.ts";

// At their priority, programs take long on a busy machine.
const bounds = { signal: new AbortController().signal, timeoutMs: patienceMs, maxMemoryBytes: 1e9 };
const node = (script: string, more: object = {}, onLine?: (line: string) => void) =>
  runChild(process.execPath, ["-e", script], { ...bounds, ...more }, onLine);
const because = (reason: string) => expect.objectContaining({ reason });
const ENDLESS = "console.log(process.pid); setInterval(() => {}, 1000)";

test("a program's output, whole or by line; its arguments never reach a shell", async () => {
  expect((await runChild(process.execPath, ["-p", "process.argv[1]", "$(id); *"], bounds)).toString()).toBe(
    "$(id); *\n",
  );
  const lines: string[] = [];
  await node("console.log('a\\nb')", {}, (line) => lines.push(line));
  expect(lines).toEqual(["a", "b"]);
});

test("what somebody waits for comes before what nobody waits for, and after everything else", async () => {
  const nice = async (more: object) => Number(await node("console.log(os.getPriority())", more));
  const [own, awaited, other] = [getPriority(), await nice({ awaited: true }), await nice({})];
  expect(awaited).toBeGreaterThan(own);
  expect(other).toBeGreaterThan(awaited);
});

test("a program that never ends is ended when it is told to, or at the deadline", async () => {
  const stop = new AbortController();
  let pid = 0;
  const started = node(ENDLESS, { signal: stop.signal }, (line) => {
    pid = Number(line);
    stop.abort(new Error("changed my mind"));
  });
  await expect(started).rejects.toThrow("changed my mind");
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  await expect(node(ENDLESS, { timeoutMs: 300 })).rejects.toThrow(because("MEDIA_TIMEOUT"));
});

test("a program that floods its output is ended", async () => {
  const flood = "const b = Buffer.alloc(1e6); for (;;) require('fs').writeSync(1, b)";
  await expect(node(flood)).rejects.toThrow(because("MEDIA_TOO_HEAVY"));
});

test("a program that takes more memory than it may is ended, however it says so", async () => {
  // Twice what it may, whenever that is seen, and not all that the machine has.
  const growing = "const all = []; setInterval(() => all.length < 40 && all.push(Buffer.alloc(1e7, 1)), 1)";
  await expect(node(growing, { maxMemoryBytes: 2e8 })).rejects.toThrow(because("MEDIA_TOO_HEAVY"));
  for (const words of ["Cannot allocate memory", "RangeError: Array buffer allocation failed"]) {
    const saying = `console.error(${JSON.stringify(words)}); process.exit(1)`;
    await expect(node(saying)).rejects.toThrow(because("MEDIA_TOO_HEAVY"));
  }
});

test("a failure carries the end of what the program said, and a crash its signal", async () => {
  const failure = node("process.stderr.write('x'.repeat(1e6) + ' the reason'); process.exitCode = 3");
  await expect(failure).rejects.toThrow(/ended with 3: x{900,1000} the reason$/);
  await expect(node("process.abort()")).rejects.toThrow(/ended with SIGABRT/);
  await expect(node("process.abort()")).rejects.toBeInstanceOf(ChildFailed);
});

test("a full disk is not the media's fault, nor is a missing program", async () => {
  const full = node(
    "console.error('av_interleaved_write_frame(): No space left on device'); process.exit(1)",
  );
  await expect(full).rejects.toThrow(because("DISK_FULL"));
  await expect(runChild("/no/such/program", [], bounds)).rejects.toMatchObject({ code: "ENOENT" });
});

test("a program is told nothing of this process's environment", async () => {
  vi.stubEnv("DOUYA_CLUSTER_SECRET", "for no decoder");
  const seen = await node("console.log(JSON.stringify(process.env))").finally(vi.unstubAllEnvs);
  expect(Object.keys(JSON.parse(seen.toString())).sort()).toEqual(["LANG", "PATH"]);
});
