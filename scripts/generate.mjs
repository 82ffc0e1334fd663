// Generates: contracts from .proto files, the web client's types from the OpenAPI document, the tables of refusals
// and of routes from the catalogue of reasons and from the route table.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { install, prepare, root, run } from "./prepare.mjs";

await install();
// First, since the server's code may already use the new parts.
run("npx", ["buf", "generate"]);
const etcd = "platform/registry/etcd";
run("npx", ["buf", "generate", etcd, "--template", `${etcd}/buf.gen.yaml`]);
writeFileSync(
  join(root, "docs", "reasons.md"),
  (await load("contracts/reasons-document.ts")).reasonsDocument(),
);
writeFileSync(
  join(root, "docs", "routes.md"),
  (await load("modules/gateway/edge/route-table.ts")).routesDocument(),
);
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

/** Imports a TypeScript module, which Node.js 20 cannot. */
async function load(file) {
  const { build, stop } = await import("esbuild");
  const out = join(root, "build", "generate", `${file}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [file],
    outfile: out,
    bundle: true,
    platform: "node",
    format: "esm",
  });
  await stop();
  return import(out);
}
