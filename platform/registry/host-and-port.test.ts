import { expect, test } from "vitest";
import { hostAndPort, isHostAndPort } from "./host-and-port.ts";

test.each(["10.0.0.5:9090", "Media.example:1", "[::1]:9090", "localhost:65535"])("%s is one", (text) => {
  expect(isHostAndPort(text)).toBe(true);
});

test.each([
  "",
  ":1",
  "host",
  "host:",
  "host:port",
  "host:70000",
  "a:1:2",
  "::1:9090",
  "/etc:1",
  "a b:1",
  "u@host:1",
])("%j is none", (text) => {
  expect(isHostAndPort(text)).toBe(false);
});

test.each(["10.0.0.5", "localhost", "::1", "fd00::5"])("host %s and a port make one", (host) => {
  expect(isHostAndPort(hostAndPort(host, 9090))).toBe(true);
});
