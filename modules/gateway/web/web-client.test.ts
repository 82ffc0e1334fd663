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
  const address = await serve(dir);
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

test("pages load from and send to no other origins than those that there are", async () => {
  const dir = await mkdtemp(join(tmpdir(), "douya-web-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  await writeFile(join(dir, "index.html"), "");
  const policyWith = async (others: Parameters<typeof webClient>[4]) => {
    const address = await serve(dir, others);
    return (await fetch(address)).headers.get("content-security-policy")!.split("; ");
  };
  expect(await policyWith({})).toEqual(
    expect.arrayContaining(["connect-src 'self'", "media-src 'self' blob:", "img-src 'self' data: blob:"]),
  );
  const [media, uploads] = ["https://cdn.example.org", "https://s3.example.org"];
  expect(await policyWith({ media, uploads, realtime: ["wss://a.example.org"] })).toEqual(
    expect.arrayContaining([
      `connect-src 'self' ${media} ${uploads} wss://a.example.org`,
      `media-src 'self' blob: ${media}`,
      `img-src 'self' data: blob: ${media}`,
    ]),
  );
});

async function serve(dir: string, others?: Parameters<typeof webClient>[4]): Promise<string> {
  const app = fastify();
  onTestFinished(() => app.close());
  const nothing = async () => undefined;
  await app.register((scope) =>
    webClient(
      scope,
      dir,
      { video: nothing, user: nothing, shared: nothing, site: () => "" },
      { feed: nothing, video: nothing },
      others,
    ),
  );
  return app.listen({ port: 0, host: "127.0.0.1" });
}
