import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

interface Manifest {
  apiVersion: string;
  kind: string;
}

/** In the checkout, so that packages are found from it; it exists in memory only. */
const fileName = join(fileURLToPath(new URL(".", import.meta.url)), "manifests.ts");

/**
 * What Kubernetes would not understand of these. The types of its API are generated from its schema, and of a literal
 * the compiler accepts no property that they do not have, which the schema itself would.
 */
export function manifestProblems(manifests: readonly Manifest[]): string[] {
  const source = manifests
    .map((manifest, i) => {
      const type = `import("kubernetes-models/${manifest.apiVersion}/${manifest.kind}").I${manifest.kind}`;
      return `export const manifest${i}: ${type} = ${JSON.stringify(manifest, undefined, 1)};`;
    })
    .join("\n");
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => path === fileName || fileExists(path);
  host.readFile = (path) => (path === fileName ? source : readFile(path));
  host.getSourceFile = (path, ...rest) =>
    path === fileName
      ? ts.createSourceFile(path, source, ts.ScriptTarget.ES2022)
      : getSourceFile(path, ...rest);
  return ts
    .getPreEmitDiagnostics(ts.createProgram([fileName], options, host))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}
