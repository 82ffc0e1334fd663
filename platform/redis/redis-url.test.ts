import { expect, test } from "vitest";
import { parseRedisUrl } from "./redis-url.ts";

const plain = { database: 0 };

test.each([
  ["redis://cache", { ...plain, shape: "single", nodes: [{ host: "cache", port: 6379 }] }],
  [
    "rediss://ada:s%40fe@cache:7000/2",
    {
      shape: "single",
      nodes: [{ host: "cache", port: 7000 }],
      tls: {},
      username: "ada",
      password: "s@fe",
      database: 2,
    },
  ],
  [
    "redis://:secret@[::1]:1/",
    { ...plain, shape: "single", nodes: [{ host: "::1", port: 1 }], password: "secret" },
  ],
  [
    "redis+sentinel://:pw@s1,s2:26380/mymaster/1?sentinel_password=x",
    {
      shape: "sentinel",
      nodes: [
        { host: "s1", port: 26379 },
        { host: "s2", port: 26380 },
      ],

      password: "pw",
      database: 1,
      primary: "mymaster",
      sentinelPassword: "x",
    },
  ],
  [
    "rediss+cluster://c1, c2:7001",
    {
      shape: "cluster",
      nodes: [
        { host: "c1", port: 6379 },
        { host: "c2", port: 7001 },
      ],
      tls: {},
      database: 0,
    },
  ],
])("%s is read", (url, place) => {
  expect(parseRedisUrl(url)).toEqual(place);
});

test.each([
  ["http://cache:6379", /begins with none/],
  ["redis+etcd://cache", /begins with none/],
  ["redis://", /host or host:port/],
  ["redis://a,b", /several hosts/],
  ["redis://cache:99999", /host or host:port/],
  ["redis://ca che", /host or host:port/],
  ["redis://cache/first", /a number/],
  ["redis+sentinel://s1", /name of the primary/],
  ["redis+cluster://c1/1", /only database 0/],
  ["redis://u:p%zz@cache", /%25/],
  ["redis://u:secret@cache?fast=yes", /"fast" is no option/],
])("%s is refused with a sentence, and without its password", (url, what) => {
  const read = () => parseRedisUrl(url);
  expect(read).toThrow(what);
  expect(read).not.toThrow(/secret/);
});
