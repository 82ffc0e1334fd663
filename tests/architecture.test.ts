import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { callersOf, table } from "#apps/server/targets.ts";
import * as events from "#contracts/events.ts";

/** The page that explains the system, compared with the system. */
const page = readFileSync("docs/architecture.md", "utf8");
const matches = (form: RegExp) => [...page.matchAll(form)].map(([, name]) => name!);

describe("docs/architecture.md", () => {
  test("names every module, and none that does not exist", () => {
    const rooms = matches(/^\| `modules\/([a-z]+)` \|/gm);
    expect(rooms.sort()).toEqual(Object.keys(table).sort());
  });

  test("draws the calls as they are declared", () => {
    const [tree = ""] = /flowchart TD[\s\S]*?```/.exec(page) ?? [];
    const drawn = [...tree.matchAll(/^ {2}([a-z]+) --> (.+)$/gm)].flatMap(([, from, to]) =>
      to!.split(" & ").map((callee) => `${from} calls ${callee}`),
    );
    const declared = Object.keys(table).flatMap((callee) =>
      [...callersOf(callee).keys()].map((caller) => `${caller} calls ${callee}`),
    );
    expect(drawn.sort()).toEqual(declared.sort());
  });

  test("names RPCs, events and groups that exist", () => {
    const methods = Object.values(table).flatMap(
      ({ module }) =>
        module.service?.methods.map(({ name }: { name: string }) => `${module.service.name}.${name}`) ?? [],
    );
    const mentioned = matches(/\b([A-Z][a-z]+Service\.[A-Z][A-Za-z]+)\b/g);
    expect(mentioned.length).toBeGreaterThan(5);
    for (const method of mentioned) expect(methods).toContain(method);

    const types = Object.values(events).map((event) => event.name);
    const facts = matches(/\b([a-z]+\.[a-z_]+\.v\d)\b/g);
    expect(facts.length).toBeGreaterThan(1);
    for (const fact of facts) expect(types).toContain(fact);

    const groups = matches(/group `?([a-z]+\.[a-z]+)/g);
    expect(groups.length).toBeGreaterThan(1);
    const source = readdirSync("modules").map((name) => readFileSync(`modules/${name}/index.ts`, "utf8"));
    for (const group of groups) expect(source.join("\n")).toContain(`group: "${group}"`);
  });

  test("names files and folders that exist", () => {
    const paths = matches(/`((?:apps|contracts|docs|modules|platform)\/[\w./-]+)`/g);
    expect(paths.length).toBeGreaterThan(15);
    for (const path of paths) expect(existsSync(path), path).toBe(true);
    const links = matches(/\]\((adr\/[\w.-]+|[\w-]+\.md)\)/g);
    for (const link of links) expect(existsSync(`docs/${link}`), link).toBe(true);
  });
});

describe.each(["docs/adding-an-endpoint.md", "CONTRIBUTING.md"])("%s", (file) => {
  const text = readFileSync(file, "utf8");
  const all = (form: RegExp) => [...text.matchAll(form)].map(([, found]) => found!);

  test("names files and events that exist", () => {
    for (const path of all(/`((?:apps|contracts|docs|modules|platform|tests)\/[\w./-]+)`/g))
      expect(existsSync(path), path).toBe(true);
    const types = Object.values(events).map(({ name }) => name);
    for (const fact of all(/`([a-z]+\.[a-z_]+\.v\d)`/g)) expect(types).toContain(fact);
  });

  test("calls what modules are given as it is declared", () => {
    const source = (path: string, name: string) =>
      new RegExp(`^export interface ${name}[\\s\\S]*?^}`, "m").exec(
        readFileSync(`platform/${path}`, "utf8"),
      )![0];
    const declared: [RegExp, string][] = [
      [/events\.consume\(\{([^}]*)\}/g, source("events/consumer/consumer.ts", "ConsumeOptions")],
      [/jobs\.work\(\{([^}]*)\}/g, source("jobs/workers.ts", "WorkOptions")],
    ];
    for (const [call, code] of declared) {
      for (const options of all(call)) {
        const keys = options.split(",").map((part) => part.trim().split(":")[0]!.trim());
        const named = keys.filter((key) => /^\w+$/.test(key));
        for (const key of named) expect(code, key).toMatch(new RegExp(`^  ${key}\\??[:(]`, "m"));
        for (const type of (/types: \[([^\]]*)\]/.exec(options)?.[1] ?? "").split(", ").filter(Boolean))
          expect(Object.keys(events)).toContain(type);
      }
    }
  });
});
