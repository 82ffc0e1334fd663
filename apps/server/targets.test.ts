import { expect, test } from "vitest";
import { callersOf, modulesOf } from "./targets.ts";

const rights = (name: string) =>
  Object.fromEntries([...callersOf(name)].map(([caller, methods]) => [caller, [...methods].sort()]));

test("a module may call what it declares and nothing else", () => {
  const { gateway: _, ...toUser } = rights("user");
  expect(toUser).toEqual({
    relation: ["getUsers"],
    video: ["findUsers"],
    message: ["checkSessions", "findUsers", "getUsers"],
    moderation: ["getUsers", "moderatePeople"],
  });
  expect(rights("relation").feed).not.toContain("follow");
  expect(rights("video").gateway).toContain("publish");
  expect(rights("video").gateway).not.toContain("listPublished");
  expect(callersOf("gateway").size).toBe(0);
});

test("every method that a module declares is there", () => {
  for (const { module } of modulesOf("all"))
    for (const { service, methods } of Object.values(module.calls)) {
      const names = service.methods.map((method) => method.localName);
      expect(names).toEqual(expect.arrayContaining([...methods]));
      expect(methods.length).toBeGreaterThan(0);
    }
});
