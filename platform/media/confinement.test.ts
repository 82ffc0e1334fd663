import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runChild } from "./child-run.ts";
import { findConfinement } from "./confinement.ts";

const searchPath = "/usr/local/bin:/usr/bin:/bin";
const bounds = { signal: new AbortController().signal, timeoutMs: 10_000, maxMemoryBytes: 1e9 };
const node = (prefix: readonly string[], script: string, ...args: string[]) =>
  runChild(process.execPath, ["-e", script, ...args], { ...bounds, prefix });
const find = (
  attempt = (prefix: readonly string[]): Promise<unknown> => node(prefix, ""),
  path = searchPath,
) => findConfinement({ searchPath: path, maxOutputBytes: 0, attempt });

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
    if (!lacking("limits")) expect(limits).toMatch(/^Max open files\s+256\s+256\s/m);
    if (!lacking("limits")) expect(limits).toMatch(/^Max core file size\s+0\s+0\s/m);
    if (!lacking("a network"))
      expect(networks.match(/^\s*\w+:/gm).map((name: string) => name.trim())).toEqual(["lo:"]);

    if (lacking("limits")) return;
    const folder = await mkdtemp(join(tmpdir(), "confinement-"));
    try {
      // Beyond its bound a write ends the program, or is refused.
      const flood =
        "const f = fs.openSync(process.argv[1], 'w'); for (;;) fs.writeSync(f, Buffer.alloc(2 ** 22))";
      await expect(node(prefix, flood, join(folder, "flood"))).rejects.toThrow();
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test.runIf(process.platform === "linux")(
  "what does not work here is left out and named, and the rest is used",
  async () => {
    const tried: string[] = [];
    const { prefix, lacks } = await find(async (attempted) => {
      tried.push(attempted.join(" "));
      if (attempted.join(" ").includes("unshare")) throw new Error("not in this container");
      await node(attempted, "");
    });
    expect(tried.filter((command) => command.includes("--net"))).toHaveLength(2);
    expect(prefix.join(" ")).not.toContain("unshare");
    expect(prefix.join(" ")).toContain("--no-new-privs");
    expect(lacks).toContain("a network that leads nowhere (unshare may not here)");

    const nothing = await find(undefined, "/no/such/folder");
    expect(nothing.prefix).toEqual([]);
    expect(nothing.lacks).toContain("a network that leads nowhere (install unshare, of util-linux)");
  },
);
