import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { limitNames } from "#contracts/limit-names.ts";
import { limitTable } from "./limits.ts";

test("operators can name every rate limit that there is", () => {
  const modules = fileURLToPath(new URL("../..", import.meta.url));
  const made = readdirSync(modules, { recursive: true, encoding: "utf8" })
    .filter((file) => /(?<!\.test)\.ts$/.test(file))
    .flatMap((file) =>
      [
        ...readFileSync(join(modules, file), "utf8").matchAll(
          /\.rateLimit\("([^"]{1,60})"(?![^;]{0,80}always)/g,
        ),
      ].map(([, name]) => name!),
    );
  expect([...new Set([...made, ...limitTable.map(({ name }) => name)])].sort()).toEqual(
    [...limitNames].sort(),
  );
});
