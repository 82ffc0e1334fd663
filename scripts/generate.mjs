// Makes what is generated: contracts from .proto files, the web client's types from the OpenAPI document.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { install, prepare, root, run } from "./prepare.mjs";

await install();
// First, since the server may already be written against what is new in them.
run("npx", ["buf", "generate"]);
await prepare({ web: false });
const document = execFileSync(process.execPath, ["bin/douya.mjs", "openapi"], {
  cwd: root,
  maxBuffer: 1 << 26,
});
writeFileSync(join(root, "build", "openapi.json"), document);
run("npx", [
  "openapi-typescript",
  "build/openapi.json",
  "--output",
  "apps/web/src/api.gen.ts",
  "--alphabetize",
]);
