import { randomUUID } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readdir, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { patienceMs } from "#platform/testing/patience.ts";
import { bundleMediaWorker } from "./bundle-worker.ts";
import { runChild } from "./child-run.ts";
import { type Confinement, findConfinement } from "./confinement.ts";
import { createFfmpegEngine } from "./ffmpeg-engine.ts";
import { confinedTool, findLack } from "./find-media-tool.ts";
import { DEFAULT_MEDIA_LIMITS } from "./media-limits.ts";
import type { MediaTool } from "./media-tool.ts";
import { createNodeAvEngine } from "./node-av-engine.ts";

const isRoot = process.getuid?.() === 0;

const PROGRAMS = { ffmpeg: "ffmpeg", ffprobe: "ffprobe" };
const { signal } = new AbortController();
const repository = fileURLToPath(new URL("../../", import.meta.url));
const testdata = (name: string) => join(repository, "platform/media/testdata", name);
const worker = join(repository, "build", "test", `confined-worker-${randomUUID()}.js`);
const searchPath = "/usr/local/bin:/usr/bin:/bin";
const bounds = { signal, timeoutMs: patienceMs, maxMemoryBytes: 1e9 };
const node = (prefix: readonly string[], script: string, ...args: string[]) =>
  runChild(process.execPath, ["-e", script, ...args], { ...bounds, prefix });
const limits = { ...DEFAULT_MEDIA_LIMITS, maxOutputBytes: 1024 ** 2 };
/** The defaults, with enough time for a busy machine. */
const DECODING = { ...DEFAULT_MEDIA_LIMITS, probeTimeoutMs: patienceMs, surveyTimeoutMs: patienceMs };
const find = (attempt = ({ prefix }: Confinement): Promise<unknown> => node(prefix, ""), path = searchPath) =>
  findConfinement({ searchPath: path, limits, attempt });

test.runIf(process.platform === "linux")(
  "behind what this system allows there is no network, no privilege and no way to one, and files have bounds",
  async () => {
    const { prefix, lacks } = await find();
    const lacking = (what: string) => lacks.some((lack) => lack.startsWith(what));
    const seen = await node(
      prefix,
      `const read = (name) => fs.readFileSync("/proc/self/" + name, "utf8");
       console.log(JSON.stringify({ status: read("status"), limits: read("limits"), networks: read("net/dev") }))`,
    );
    const { status, limits, networks } = JSON.parse(seen.toString());
    if (!lacking("being without")) expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
    if (!lacking("being without") && process.getuid?.() === 0) expect(status).toMatch(/^CapEff:\s+0+$/m);
    const owner = isRoot && !lacking("a user") ? "65533" : String(process.getuid!());
    expect(status).toMatch(new RegExp(`^Uid:(\\s+${owner}){4}$`, "m"));
    if (!lacking("limits")) expect(limits).toMatch(/^Max open files\s+256\s+256\s/m);
    if (!lacking("limits")) expect(limits).toMatch(/^Max core file size\s+0\s+0\s/m);
    if (!lacking("a network"))
      expect(networks.match(/^\s*\w+:/gm).map((name: string) => name.trim())).toEqual(["lo:"]);

    if (lacking("limits")) return;
    const folder = await mkdtemp(join(tmpdir(), "confinement-"));
    try {
      // Beyond its limit a write ends the program, or fails.
      const flood =
        "const f = fs.openSync(process.argv[1], 'w'); for (;;) fs.writeSync(f, Buffer.alloc(2 ** 22))";
      await expect(node(prefix, flood, join(folder, "flood"))).rejects.toThrow();
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test.runIf(process.platform === "linux")("where nothing is missing a decoder is tried once", async () => {
  let tried = 0;
  const { prefix } = await find(async () => {
    tried++;
  });
  expect(tried).toBe(1);
  expect(prefix.join(" ")).toMatch(/--net.* --no-new-privs|--no-new-privs.* --net/);
  expect(prefix.join(" ")).toContain("--nofile=256");
});

describe.runIf(process.platform === "linux")("limits that the system keeps", () => {
  const own = { ...DEFAULT_MEDIA_LIMITS, threads: 1, renditionTimeoutMs: 400, maxMemoryBytes: 2e8 };
  let confinement: Confinement;
  beforeAll(async () => {
    confinement = await findConfinement({
      searchPath,
      limits: own,
      attempt: ({ prefix }) => node(prefix, ""),
    });
  });
  beforeEach((ctx) => {
    const lack = confinement.lacks.find((what) => what.startsWith("limits"));
    if (lack) ctx.skip(lack);
  });

  // Within its usual time limit, and before its memory is checked.
  test.each([
    ["processor time", "for (;;);"],
    ["memory, all at once", "Buffer.alloc(1e9, 1)"],
    ["memory, bit by bit", "for (const all = []; ; ) all.push(new Array(1e6).fill(1.5))"],
  ])("end a decoder that takes too much: %s", async (_what, script) => {
    const taking = runChild(process.execPath, ["-e", script], { ...bounds, prefix: confinement.prefix });
    const error = await taking.catch((thrown) => thrown);
    expect(error).toMatchObject({ kind: "too-large", reason: "MEDIA_TOO_HEAVY" });
  });
});

test("the trial folders of a killed process are removed by the next one, and nothing else", async () => {
  const folder = await mkdtemp(join(tmpdir(), "tried-"));
  try {
    const old = new Date(Date.now() - 3_600_000);
    for (const name of ["confinement-old", "confinement-new", "other-old"]) {
      await mkdir(join(folder, name));
      await writeFile(join(folder, name, "picture.gif"), "");
      if (name.endsWith("old")) await utimes(join(folder, name), old, old);
    }
    const create = (prefix: readonly string[]) =>
      createFfmpegEngine({ ffmpeg: "/no/such", ffprobe: "/no/such" }, DEFAULT_MEDIA_LIMITS, prefix);
    await confinedTool(create, DEFAULT_MEDIA_LIMITS, { searchPath: "/no/such", dataDir: folder });
    expect((await readdir(folder)).sort()).toEqual(["confinement-new", "other-old"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test.runIf(process.platform === "linux")(
  "what does not work here is left out and named, and the rest is used",
  async () => {
    const tried: string[] = [];
    const { prefix, lacks } = await find(async (attempted) => {
      tried.push(attempted.prefix.join(" "));
      if (attempted.prefix.join(" ").includes("unshare")) throw new Error("not in this container");
      await node(attempted.prefix, "");
    });
    // All together, then each means alone.
    expect(tried.filter((command) => command.includes("--net"))).toHaveLength(isRoot ? 3 : 2);
    expect(prefix.join(" ")).not.toContain("unshare");
    expect(prefix.join(" ")).toContain("--no-new-privs");
    expect(lacks).toContain("a network that leads nowhere (unshare may not here)");

    const nothing = await find(undefined, "/no/such/folder");
    expect(nothing.prefix).toEqual([]);
    expect(nothing.lacks).toContain("a network that leads nowhere (install unshare, of util-linux)");
  },
);

describe.runIf(process.platform === "linux").each(["ffmpeg", "node-av"] as const)("%s", (name) => {
  let folder: string;
  let tool: MediaTool;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "confinement-"));
    await bundleMediaWorker(worker);
    const create = (prefix: readonly string[]) =>
      name === "ffmpeg"
        ? createFfmpegEngine(PROGRAMS, DECODING, prefix)
        : createNodeAvEngine(worker, DECODING, prefix);
    tool = await confinedTool(create, DECODING, { dataDir: folder });
  });
  afterAll(() => Promise.all([rm(folder, { recursive: true }), rm(worker, { force: true })]));
  beforeEach(async (ctx) => {
    if (name === "ffmpeg" && (await findLack(PROGRAMS, DECODING)) !== null)
      ctx.skip("needs ffmpeg on the PATH");
  });

  test("decoders do their work on files that are closed to all others, and leave no more than its result", async () => {
    const within = join(folder, "closed");
    await mkdir(within, { mode: 0o700 });
    const at = (file: string) => join(within, file);
    await copyFile(testdata("phone.mov"), at("source"));
    await chmod(at("source"), 0o600);
    const info = await tool.probe(at("source"));
    const made = await tool.rendition(at("source"), at("made.mp4"), info, { maxShortSidePx: 72, signal });
    await tool.cover(at("made.mp4"), at("cover.jpg"), made, { signal });
    await copyFile(testdata("half.png"), at("picture"));
    await chmod(at("picture"), 0o600);
    await tool.picture(at("picture"), at("avatar.jpg"), { maxWidthPx: 64, maxHeightPx: 64, signal });
    const files = await readdir(within);
    expect(files.sort()).toEqual(["avatar.jpg", "cover.jpg", "made.mp4", "picture", "source"]);
    for (const file of files) {
      const { uid, mode, size } = await stat(at(file));
      expect([file, uid, mode & 0o007, size > 0]).toEqual([file, process.getuid!(), 0, true]);
    }
  });

  test.runIf(isRoot)("as root decoders are somebody else, who can open nothing of ours", async (ctx) => {
    const { account, prefix } = tool.confinement!;
    if (!account) return ctx.skip(tool.confinement!.lacks.join("; "));
    const secret = join(folder, "secret");
    await writeFile(secret, "for no decoder", { mode: 0o600 });
    for (const flag of ["r", "a", "w"]) {
      const open = `fs.openSync(${JSON.stringify(secret)}, "${flag}")`;
      await expect(node(prefix, open), flag).rejects.toThrow("EACCES");
    }
    await expect(node(prefix, `process.kill(${process.pid}, 0)`)).rejects.toThrow("EPERM");
  });
});
