import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isAlive } from "#platform/postgres/process-alive.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { body, send } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { within } from "./harness/within.ts";

const run = promisify(execFile);
const password = "correct horse";
let root: string;
let server: Program;
let origin: string;
const started: Program[] = [];
const folder = (name: string) => join(root, name);

function douya(data: string, args: string[], more: Record<string, string> = {}): Program {
  const program = startProgram(args, { DOUYA_DATA: folder(data), DOUYA_LIMITS: "off", ...more });
  started.push(program);
  return program;
}
/** The output of a successful command on the data in this folder. */
async function said(data: string, ...args: string[]): Promise<string> {
  const program = douya(data, args);
  const { code } = await within(program.ended, () => `douya ${args.join(" ")} does not end`);
  expect([code, program.output()]).toEqual([0, program.output()]);
  return program.output().trim();
}
async function serve(data: string): Promise<Program> {
  const program = douya(data, ["serve"], { DOUYA_PORT: new URL(origin).port });
  await program.printed(/Stop {5}Ctrl-C/);
  return program;
}
const postmaster = async (data: string) =>
  Number((await readFile(join(folder(data), "postgres/postmaster.pid"), "utf8")).split("\n")[0]);
const logIn = (username: string) =>
  send("POST", `${origin}/api/v1/sessions`, { json: { username, password } }).then(({ status }) => status);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "douya-copied-data-"));
  // The database may run as another account if this one is root.
  await chmod(root, 0o755);
  origin = `http://127.0.0.1:${(await freePorts(1))[0]}`;
  server = await serve("original");
  for (const username of ["ada", "ben"])
    body(await send("POST", `${origin}/api/v1/users`, { json: { username, password } }), 201);
});
afterAll(async () => {
  await Promise.all(started.map((program) => program.stop()));
  await rm(root, { recursive: true, force: true });
});

test("what a command does in a copy of a folder in use, it does there alone", async () => {
  // Nothing is written meanwhile, as on a snapshot of the disk: the copy is complete.
  server.signal("SIGSTOP");
  await run("cp", ["-a", folder("original"), folder("copy")]).finally(() => server.signal("SIGCONT"));
  const pid = await postmaster("original");
  expect(await said("copy", "moderator", "add", "ada")).toBe("ada is a moderator now.");
  expect(await said("copy", "events", "reset", "--group=feed.inbox")).toContain("feed.inbox goes on");
  expect(await said("copy", "migrate")).not.toBe("");
  expect(await said("copy", "moderator", "list")).toMatch(/^ada\b/);
  expect(await said("original", "moderator", "list")).toBe("There is no moderator yet.");
  // The original is not stopped with the copy.
  expect(await postmaster("original")).toBe(pid);
  expect(isAlive(pid)).toBe(true);
  expect(await logIn("ada")).toBe(201);
});

test("nor does a copy of a folder whose server was killed, and whose database still runs, change it", async () => {
  await server.kill();
  const pid = await postmaster("original");
  expect(isAlive(pid)).toBe(true);
  await run("cp", ["-a", folder("original"), folder("second")]);
  expect(await said("second", "moderator", "add", "ben")).toBe("ben is a moderator now.");
  const copied = await serve("second");
  expect(await logIn("ben")).toBe(201);
  body(await send("POST", `${origin}/api/v1/users`, { json: { username: "eve", password } }), 201);
  await copied.stop();
  expect(isAlive(pid)).toBe(true);
  server = await serve("original");
  expect(await postmaster("original")).toBe(pid);
  expect(await said("original", "moderator", "list")).toBe("There is no moderator yet.");
  expect(await Promise.all(["ada", "ben", "eve"].map(logIn))).toEqual([201, 201, 401]);
});
