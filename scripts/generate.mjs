// Generates: contracts from .proto files, the web client's types from the OpenAPI document, the tables of refusals
// and of routes from the catalogue of reasons and from the route table, alert rules and dashboards from the table of
// metrics.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow, install, prepare, root, run } from "./prepare.mjs";

await install();
// First, since the server's code may already use the new parts.
rewrite("contracts/gen", () => run("npx", ["buf", "generate"]));
const etcd = "platform/registry/etcd";
rewrite(`${etcd}/gen`, () => run("npx", ["buf", "generate", etcd, "--template", `${etcd}/buf.gen.yaml`]));
writeFileSync(
  join(root, "docs", "reasons.md"),
  (await load("contracts/reasons-document.ts")).reasonsDocument(),
);
writeFileSync(
  join(root, "docs", "routes.md"),
  (await load("modules/gateway/edge/route-table.ts")).routesDocument(),
);
const { filesOfMetrics } = await load("apps/server/observe/generated.ts");
const { stringify } = await import("yaml");
mkdirSync(join(root, "deploy", "observe"), { recursive: true });
for (const [file, text] of Object.entries(filesOfMetrics((value) => stringify(value, { lineWidth: 0 }))))
  writeFileSync(join(root, file), text);
await prepare({ web: false });
const document = execFileSync(process.execPath, ["bin/douya.mjs", "openapi"], {
  cwd: root,
  maxBuffer: 1 << 26,
});
writeFileSync(join(root, "build", "openapi.json"), document);
const client = "apps/web/src/api.gen.ts";
rewrite(client, () =>
  run("npx", ["openapi-typescript", "build/openapi.json", "--output", client, "--alphabetize"]),
);

/** Lets `work` write there. Files that are as before keep their times, so that nothing is built anew. */
function rewrite(path, work) {
  const before = filesBelow(join(root, path)).map((file) => [file, readFileSync(file), statSync(file).mtime]);
  work();
  for (const [file, bytes, mtime] of before)
    if (existsSync(file) && readFileSync(file).equals(bytes)) utimesSync(file, mtime, mtime);
}

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
