import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

test("nothing of WebRTC is installed, which node-av would bring along with flaws of its own", () => {
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const named = Object.entries<{ name?: string }>(packages).map(
    ([path, { name }]) => name ?? path.replace(/^.*node_modules\//, ""),
  );
  expect(named.filter((name) => /^(ip|werift.*)$/.test(name))).toEqual([]);
});
