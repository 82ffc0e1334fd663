import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { reasons as english } from "#apps/web/src/i18n/en-reasons.ts";
import { reasons as chinese } from "#apps/web/src/i18n/zh-reasons.ts";
import { reasons } from "#contracts/reasons.ts";
import { reasonsDocument } from "#contracts/reasons-document.ts";
import type { Reason } from "#platform/errors/catalogue.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const catalogue = Object.entries(reasons as Record<string, Reason>);
const isKnown = (name: string) => name in reasons;

/** The files of some folders by name. */
function filesIn(folders: string[], ending: RegExp): [string, string][] {
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
      .map((file) => join(folder, file))
      .filter((file) => ending.test(file))
      .map((file): [string, string] => [file, readFileSync(join(root, file), "utf8")]),
  );
}
const code = filesIn(["apps/server", "contracts", "modules", "platform"], /(?<!\.test)\.ts$/).filter(
  ([file]) => !/\/(testing|gen)\/|\/reasons\.ts$/.test(file),
);

test("refusals are made from the catalogue", () => {
  const makers = code.filter(([, text]) => text.includes("new DomainError(")).map(([file]) => file);
  expect(makers.sort()).toEqual([
    // The reason of a failed video is stored with it.
    "modules/gateway/classic/publish.ts",
    "platform/errors/catalogue.ts",
    // 503 for one of many at an address, while BUSY is 429.
    "platform/http/connections.ts",
    // A refusal by another process.
    "platform/rpc/status.ts",
    // The rule of a text names its reason.
    "platform/text/text-rules.ts",
  ]);
  const named = code.flatMap(([, text]) =>
    [...text.matchAll(/\breason: "([A-Z_]+)"/g)].map(([, name]) => name!),
  );
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((name) => !isKnown(name))).toEqual([]);
});

test("every reason in the catalogue is one that something refuses with", () => {
  const used = new Set(
    code.flatMap(([, text]) => [...text.matchAll(/"([A-Z]+(?:_[A-Z]+)*)"/g)].map(([, name]) => name!)),
  );
  expect(catalogue.map(([name]) => name).filter((name) => !used.has(name))).toEqual([]);
});

test("every reason that a contract names is in the catalogue", () => {
  const comments = filesIn(["contracts"], /\.proto$/).flatMap(
    ([, text]) => text.match(/^\s*\/\/.*$/gm) ?? [],
  );
  // A word with an underscore: SESSION_ENDED, and BUSY too.
  const named = new Set(comments.flatMap((line) => line.match(/\b(?:[A-Z]+(?:_[A-Z]+)+|BUSY)\b/g) ?? []));
  expect(named.size).toBeGreaterThan(30);
  // Notices for the author of a published video.
  const notices = ["VIDEO_CUT_OFF", "SOUND_LEFT_OUT"];
  expect([...named].filter((name) => !isKnown(name) && !notices.includes(name))).toEqual([]);
});

test("the web client has words for every reason that people are told, and for no other", () => {
  const forPeople = catalogue
    .filter(([name, { tells }]) => tells === undefined && !name.endsWith("_UNAVAILABLE"))
    .map(([name]) => name);
  // No answer at all; any module that cannot be reached; notices.
  const own = ["NETWORK", "UNAVAILABLE", "VIDEO_CUT_OFF", "SOUND_LEFT_OUT"];
  expect(Object.keys(english).sort()).toEqual([...forPeople, ...own].sort());
  expect(Object.keys(chinese).sort()).toEqual(Object.keys(english).sort());
});

test("a text of the client that names a limit finds one in the server's sentence", () => {
  const withLimit = Object.entries(english).filter(([, text]) => text.includes("{limit}"));
  expect(withLimit.length).toBeGreaterThan(5);
  const says = (name: string) => reasons[name as keyof typeof reasons].says;
  expect(withLimit.map(([name]) => name).filter((name) => !/\{\w+\}|\d/.test(says(name)))).toEqual([]);
});

test("a number of the classic API means one reason", () => {
  const codes = catalogue.flatMap(([, reason]) => reason.code ?? []);
  expect(new Set(codes).size).toBe(codes.length);
});

test("docs/reasons.md is what the catalogue says", () => {
  expect(readFileSync(join(root, "docs/reasons.md"), "utf8"), "run: npm run generate").toBe(
    reasonsDocument(),
  );
});
