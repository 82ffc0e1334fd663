import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
// @ts-expect-error plain JavaScript, since it runs before anything is installed
import { root } from "../scripts/prepare.mjs";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-program-"));
  await copyFile(join(root, "scripts/load-program.mjs"), join(folder, "main.js"));
  await built("one");
});
afterEach(() => rm(folder, { recursive: true }));

/** A program that says `word`, does `first` before it has started, and has a large function. */
const built = (word: string, first = "started") =>
  writeFile(
    join(folder, "main.cjs"),
    `const word = "${word}";
     const large = () => { ${"word.length;".repeat(1_000)} };
     exports.main = (_, started) => { console.log(word, __filename); ${first}(); started(); };`,
  );

async function said(): Promise<string> {
  const script = `(await import(${JSON.stringify(join(folder, "main.js"))})).main([])`;
  const args = ["--input-type=module", "--eval", script];
  return (await promisify(execFile)(process.execPath, args)).stdout;
}
const saying = (word: string) => `${word} ${join(folder, "main.cjs")}\n`;
const kept = async () =>
  (await readdir(folder)).filter((name) => /^main\.cjs\./.test(name)).map((name) => join(folder, name));

test("a start keeps what was compiled, and the next one uses it", async () => {
  expect(await said()).toBe(saying("one"));
  const [file] = await kept();
  const { ino } = await stat(file!);
  expect(await said()).toBe(saying("one"));
  expect(await kept()).toEqual([file]);
  // Else it would have been made again.
  expect((await stat(file!)).ino).toBe(ino);
});

test("what a start has run is kept compiled, and what does not start a server keeps nothing", async () => {
  await said();
  const { size } = await stat((await kept())[0]!);
  for (const [at, first] of ["large", "process.exit"].entries()) {
    await built("one", first);
    await utimes(join(folder, "main.cjs"), new Date(), new Date(Date.now() + (at + 1) * 60_000));
    await said();
  }
  const [, ...later] = await kept();
  expect(later).toHaveLength(1);
  expect((await stat(later[0]!)).size).toBeGreaterThan(size + 1_000);
});

test("what is damaged is made again", async () => {
  await said();
  const [file] = await kept();
  const whole = await readFile(file!);
  for (const damaged of [Buffer.alloc(0), whole.subarray(0, whole.length / 2), Buffer.alloc(whole.length)]) {
    await writeFile(file!, damaged);
    expect(await said()).toBe(saying("one"));
    expect((await readFile(file!)).length).toBeGreaterThan(whole.length / 2);
    expect((await readFile(file!)).equals(damaged)).toBe(false);
  }
});

test("what was compiled of another build of the same length is not used", async () => {
  await said();
  await built("two");
  await utimes(join(folder, "main.cjs"), new Date(), new Date(Date.now() + 60_000));
  expect(await said()).toBe(saying("two"));
});

test("where nothing can be kept, it starts all the same", async () => {
  // A folder in the way of the file.
  await said();
  const [file] = await kept();
  await rm(file!);
  await mkdir(file!);
  expect(await said()).toBe(saying("one"));
  expect(await kept()).toEqual([file]);
});
