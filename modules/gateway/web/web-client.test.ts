import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { webClient } from "./web-client.ts";

test("only files named after their content are cached forever, whatever the folders above are called", async () => {
  const folder = await mkdtemp(join(tmpdir(), "douya-web-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const dir = join(folder, "assets/index.html/dist");
  await mkdir(join(dir, "assets"), { recursive: true });
  for (const file of ["index.html", "favicon.svg", "assets/index-1a2b.js"])
    await writeFile(join(dir, file), "");
  const app = fastify();
  onTestFinished(() => app.close());
  const nothing = async () => undefined;
  await app.register((scope) =>
    webClient(
      scope,
      dir,
      { video: nothing, user: nothing, shared: nothing, site: () => "" },
      { feed: nothing, video: nothing },
    ),
  );
  const address = await app.listen({ port: 0, host: "127.0.0.1" });
  const headersOf = async (path: string) => (await fetch(`${address}${path}`)).headers;

  const page = await headersOf("/");
  expect(page.get("cache-control")).toBe("no-cache");
  expect(page.get("content-security-policy")).toContain("default-src 'self'");
  const hashed = await headersOf("/assets/index-1a2b.js");
  expect(hashed.get("cache-control")).toContain("immutable");
  const named = await headersOf("/favicon.svg");
  expect(named.get("cache-control")).toBe("no-cache");
  expect(named.get("content-security-policy")).toBeNull();
});
