import { expect, test } from "vitest";
import { staticRegistry } from "./registry.ts";

test("a list says where modules are", () => {
  const registry = staticRegistry(" user=127.0.0.1:9001, video = media.example:9002 ,feed=[::1]:9003,");
  expect(registry.addressOf("user")).toBe("127.0.0.1:9001");
  expect(registry.addressOf("video")).toBe("media.example:9002");
  expect(registry.addressOf("feed")).toBe("[::1]:9003");
});

test.each(["", "user=127.0.0.1:9001"])("a module that is not in %j", (list) => {
  expect(() => staticRegistry(list).addressOf("feed")).toThrow(
    expect.objectContaining({
      kind: "invalid",
      reason: "MODULE_NOT_PLACED",
      message: expect.stringContaining("feed=host:port"),
    }),
  );
});

test.each([
  "user",
  "user=",
  "=127.0.0.1:1",
  "user:127.0.0.1:9001",
  "user=127.0.0.1",
  "user=a:1=b:2",
  "user=host:port",
])("%j is refused where it is read", (list) => {
  expect(() => staticRegistry(list)).toThrow(
    expect.objectContaining({
      kind: "invalid",
      reason: "REGISTRY_INVALID",
      message: expect.stringContaining(list),
    }),
  );
});

test("one module at two places is refused, not guessed", () => {
  expect(() => staticRegistry("user=a:1,user=b:1")).toThrow(
    expect.objectContaining({ reason: "REGISTRY_INVALID" }),
  );
});
