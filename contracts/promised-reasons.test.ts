import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const filesIn = (folder: string, ending: RegExp) =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => ending.test(file))
    .map((file) => readFileSync(join(root, folder, file), "utf8"));

test("every reason that a contract names is one that something refuses with", () => {
  const code = ["modules", "platform"].flatMap((folder) => filesIn(folder, /(?<!\.test)\.ts$/)).join("\n");
  const comments = filesIn("contracts", /^[a-z_]+\.proto$/).flatMap(
    (text) => text.match(/^\s*\/\/.*$/gm) ?? [],
  );
  // A word with an underscore: SESSION_ENDED, and BUSY too.
  const named = comments.flatMap((line) => line.match(/\b(?:[A-Z]+(?:_[A-Z]+)+|BUSY)\b/g) ?? []);
  const promised = [...new Set(named)];
  expect(promised.length).toBeGreaterThan(30);
  expect(promised.filter((reason) => !code.includes(`"${reason}"`))).toEqual([]);
});
