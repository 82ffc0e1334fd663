import { describe, expect, test } from "vitest";
import { registryContract } from "../testing/registry-contract.ts";
import { staticRegistry } from "./registry.ts";

describe("the static registry", () =>
  registryContract(async (places) =>
    staticRegistry(
      Object.entries(places)
        .flatMap(([module, addresses]) => addresses.map((address) => `${module}=${address}`))
        .join(),
    ),
  ));

test("a list may have spaces and a comma at its end", () => {
  const registry = staticRegistry(" user=127.0.0.1:9001, video = media.example:9002 ,user=[::1]:9003,");
  expect(registry.endpoints("user").current()).toEqual([
    { address: "127.0.0.1:9001" },
    { address: "[::1]:9003" },
  ]);
  expect(registry.endpoints("video").current()).toEqual([{ address: "media.example:9002" }]);
});

test("a list may say which colour a process is there for", () => {
  expect(staticRegistry("user=a:1,user/canary=a:2").endpoints("user").current()).toEqual([
    { address: "a:1" },
    { address: "a:2", colour: "canary" },
  ]);
});

test.each(["", "user=127.0.0.1:9001"])("a module that is not in %j", (list) => {
  expect(() => staticRegistry(list).endpoints("feed")).toThrow(
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
  "user/=a:1",
  "user/Canary=a:1",
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

test("the same place twice is a mistake", () => {
  expect(() => staticRegistry("user=a:1,video=a:1,user=b:1,user=a:1")).toThrow(
    expect.objectContaining({
      reason: "REGISTRY_INVALID",
      message: expect.stringContaining('"user=a:1" is listed twice'),
    }),
  );
});
