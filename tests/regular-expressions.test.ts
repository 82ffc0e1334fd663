import { readdirSync, readFileSync } from "node:fs";
import { isSafePattern } from "redos-detector";
import ts from "typescript";
import { describe, expect, test } from "vitest";

interface Expression {
  source: string;
  flags: string;
}

/** Code that ships; tests may match as slowly as they like. */
const files = ["apps", "modules", "platform", "scripts"]
  .flatMap((folder) => readdirSync(folder, { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && /\.(ts|tsx|mjs)$/.test(entry.name) && !entry.name.includes(".test."))
  .map((entry) => `${entry.parentPath}/${entry.name}`)
  .filter((path) => !/\/(dist|node_modules|testing)\//.test(path));

/**
 * Matched only with text by this machine or its operator; the detector dislikes every repetition after a free start.
 */
const ownText = new Set([
  String.raw`modules/gateway/web/web-client.ts: /<title>.*<\/title>\s*<meta name="description"[^>]*>/`,
  String.raw`platform/postgres/run-as.ts: /^CapPrm:\s*([0-9a-f]+)$/m`,
  String.raw`platform/media/child-run.ts: /^VmRSS:\s+(\d+) kB/m`,
  String.raw`scripts/screenshots.mjs: /Open +(http\S+)/`,
]);

/** The regular expressions in a source text: literals, and patterns of schemas. Throws at a computed one. */
function expressionsIn(name: string, text: string): Expression[] {
  const found: Expression[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf("/");
      found.push({ source: node.text.slice(1, end), flags: node.text.slice(end + 1) });
    }
    if (ts.isPropertyAssignment(node) && node.name.getText() === "pattern") {
      if (!ts.isStringLiteralLike(node.initializer)) throw new Error("a pattern that is no literal");
      found.push({ source: node.initializer.text, flags: "u" });
    }
    if ((ts.isNewExpression(node) || ts.isCallExpression(node)) && node.expression.getText() === "RegExp")
      throw new Error("a regular expression that is put together: nothing can check it");
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true));
  return found;
}

/** Whether matching takes time in proportion to the text, for any text. */
function isLinear({ source, flags }: Expression): boolean {
  // With `m` a match may start at every line, which the detector does not count.
  const pattern = flags.includes("m") ? source.replace(/^\^/, "") : source;
  return isSafePattern(pattern, {
    unicode: /[uv]/.test(flags),
    caseInsensitive: flags.includes("i"),
    dotAll: flags.includes("s"),
    // Steps bound the search, so that a busy machine finds the same as an idle one.
    maxSteps: 5_000,
    timeout: Number.POSITIVE_INFINITY,
  }).safe;
}

describe("every regular expression is linear", () => {
  test.each([
    ["two alternatives that share a character", /^([\p{Cf}\u2800]|\s)*$/u],
    ["a repetition of a repetition", /^(a+)+$/],
    ["two repetitions side by side", /\s*[\r\n]+/],
    ["a repetition that may start anywhere", /\s+$/],
    ["a repetition that may start at every line", /^\s*x/m],
  ])("%s is found out", (_what, expression) => {
    expect(isLinear(expression)).toBe(false);
  });

  test("literals, patterns and what is put together are found in a source", () => {
    const text = 'const a = <b c={/x+/g} />; const schema = { pattern: "^a$" };';
    expect(expressionsIn("a.tsx", text)).toEqual([
      { source: "x+", flags: "g" },
      { source: "^a$", flags: "u" },
    ]);
    expect(() => expressionsIn("a.ts", "new RegExp(text)")).toThrow(/put together/);
  });

  test("in the code that ships", () => {
    const places = new Map<string, Expression>();
    for (const path of files)
      for (const expression of expressionsIn(path, readFileSync(path, "utf8")))
        places.set(`${path}: /${expression.source}/${expression.flags}`, expression);
    expect(places.size).toBeGreaterThan(40);
    const slow = [...places].filter(([place, expression]) => !ownText.has(place) && !isLinear(expression));
    expect(slow.map(([place]) => place)).toEqual([]);
    expect([...ownText].filter((place) => !places.has(place))).toEqual([]);
  });
});
