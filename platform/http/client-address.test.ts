import { describe, expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { addressKey, canonicalAddress, clientAddress, parseTrustProxy } from "./client-address.ts";

describe("what a limit per address counts by", () => {
  test.each([
    ["203.0.113.9", "203.0.113.9"],
    ["::ffff:203.0.113.9", "203.0.113.9"],
    ["::FFFF:cb00:7109", "203.0.113.9"],
    ["0:0:0:0:0:ffff:203.0.113.9", "203.0.113.9"],
    ["203.0.113.9:5123", "203.0.113.9"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:DB8:1:2::", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"],
    ["[2001:db8:1:2::7]:443", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8::/64"],
    ["2001:db8:0:1::1", "2001:db8:0:1::/64"],
    ["fe80::1%eth0", "fe80::/64"],
    ["::1", "::/64"],
    ["1:0:0:2:3:4:5:6", "1:0:0:2::/64"],
  ])("of %s is %s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });

  test("is the same for everything that is no address, so that nobody can invent more", () => {
    const keys = ["", "unknown", "_hidden", "203.0.113.9.1", "203.0.113.256", "x".repeat(10_000), "1:2:3"];
    expect(new Set(keys.map(addressKey)).size).toBe(1);
    expect(addressKey(keys[0]!)).not.toBe(addressKey("203.0.113.9"));
  });

  test("of two IPv6 addresses is the same when their first 64 bits are, and only then", () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const groups = (count: number) => fc.array(group, { minLength: count, maxLength: count });
    const spell = (all: number[], pad: boolean) =>
      all.map((value) => value.toString(16).padStart(pad ? 4 : 1, "0")).join(":");
    fc.assert(
      fc.property(groups(4), groups(4), groups(4), groups(4), (network, one, other, elsewhere) => {
        fc.pre(network.slice(0, 2).some((value) => value > 0) && String(network) !== String(elsewhere));
        const key = addressKey(spell([...network, ...one], true));
        expect(addressKey(spell([...network, ...other], false).toUpperCase())).toBe(key);
        expect(addressKey(spell([...elsewhere, ...one], false))).not.toBe(key);
      }),
    );
  });

  test("an address has one spelling", () => {
    expect(canonicalAddress("2001:DB8:0:0:0:0:0:1")).toBe("2001:db8::1");
    expect(canonicalAddress("localhost")).toBeUndefined();
    expect(canonicalAddress("[::1")).toBeUndefined();
    expect(canonicalAddress("1::2]")).toBeUndefined();
  });
});

describe("the client of a request", () => {
  const [proxy, inner, client, forged] = ["10.0.0.1", "10.0.0.2", "198.51.100.7", "203.0.113.1"];
  const told = (...addresses: string[]) => addresses.join(", ");

  test.each([
    ["off", client, told(forged), client],
    ["off", client, undefined, client],
    // nginx's usual settings: what the client sent, and its address after it.
    ["1", proxy, told(forged, client), client],
    ["on", proxy, told(forged, client), client],
    ["1", proxy, told(client), client],
    ["1", proxy, undefined, proxy],
    ["1", proxy, "", proxy],
    ["1", proxy, told(forged, "127.0.0.1"), "127.0.0.1"],
    ["2", proxy, told(forged, client, inner), client],
    ["2", proxy, told(client, inner), client],
    ["2", proxy, told(inner), inner],
    ["3", proxy, told(client, inner), client],
    ["10.0.0.0/8", proxy, told(forged, client), client],
    ["10.0.0.0/8", proxy, told(forged, client, inner), client],
    ["10.0.0.1", proxy, told(client, inner), inner],
    ["10.0.0.1, 10.0.0.2", proxy, told(client, inner), client],
    ["10.0.0.0/8", client, told(forged), client],
    ["10.0.0.0/8", "::ffff:10.0.0.1", told(client), client],
    ["::ffff:10.0.0.0/104", proxy, told(client), client],
    ["::ffff:10.0.0.1", proxy, told(client), client],
    ["::ffff:a00:1/128", "::ffff:10.0.0.1", told(client), client],
    ["::ffff:10.0.0.0/104", client, told(forged), client],
    // Addresses near the mapped ones are not IPv4.
    ["::/64", client, told(forged), client],
    ["::/64", "::1", told(forged, client), client],
    ["::ffff:0:0/95", client, told(forged), client],
    ["::ffff:0:0/95", "::ffff:198.51.100.7", told(forged), client],
    ["64:ff9b::/96", client, told(forged), client],
    ["fd00::/8,::1", "fd00::1", told(forged, client), client],
    ["fd00::/8,::1", "::1", told(forged, client, "fd12::9"), client],
    // A proxy's entry with a port, in brackets, or invalid.
    ["1", proxy, told(forged, `${client}:5123`), client],
    ["1", proxy, told(forged, "[2001:DB8::7]:443"), "2001:db8::7"],
    ["1", proxy, told(client, "unknown"), proxy],
    ["1", proxy, told(client, ""), proxy],
    ["10.0.0.0/8", proxy, told(client, "'; drop table", inner), inner],
    ["1", undefined, told(client), client],
    ["1", proxy, told(forged, "[2001:db8::7]"), "2001:db8::7"],
    ["1", proxy, told(forged, "2001:db8::7"), "2001:db8::7"],
    ["1", proxy, told(forged, "fe80::7%eth0"), "fe80::7"],
    ["1", proxy, told(forged, "::ffff:198.51.100.7"), client],
    ["1", proxy, told(forged, "[::ffff:198.51.100.7]:80"), client],
    ["2", proxy, told(forged, client, "[fd00::2]:5123"), client],
    ["2", proxy, told(client, "unknown"), proxy],
    ["2", proxy, told("unknown", inner), inner],
    ["2", proxy, told(forged, "_hidden", inner), inner],
    ["1", proxy, told(forged, "2001:db8::7:443:99999:1:2:3:4"), proxy],
    ["1", proxy, told(forged, "198.51.100.7:port"), proxy],
    ["1", proxy, `${forged},${client}`, client],
    ["1", proxy, `${forged} ,\t${client}\t`, client],
    ["1", proxy, `${forged} ${client}`, proxy],
    ["10", proxy, told(...Array<string>(30).fill(forged), client, ...Array<string>(9).fill(inner)), client],
  ])("DOUYA_TRUST_PROXY=%s, from %s, told %j: %s", (setting, remote, header, expected) => {
    expect(clientAddress(remote, header, parseTrustProxy(setting))).toBe(expected);
  });

  test("a header of whatever length is read from its end alone", () => {
    const header = told(...Array<string>(1000).fill(forged), client);
    expect(clientAddress(proxy, header, parseTrustProxy("1"))).toBe(client);
    expect(clientAddress(proxy, ",".repeat(10_000), parseTrustProxy("10"))).toBe(proxy);
  });
});

test.each([
  "",
  "true",
  "yes",
  "0",
  "-1",
  "1.5",
  "11",
  "999",
  "10.0.0.0/33",
  "10.0.0/8",
  "10.0.0.0/8/8",
  "10.0.0.0/",
  "10.0.0.0/x",
  "::1/129",
  "fe80::1%eth0",
  "localhost",
  "10.0.0.1,",
  "10.0.0.1 10.0.0.2",
  "0.0.0.0/0",
  "::/0",
  // All of IPv4, in the spellings of IPv6.
  "::ffff:0:0/96",
  "::ffff:0.0.0.0/96",
  "::FFFF:0:0/97",
  "0:0:0:0:0:ffff:8000:0/97",
  "::ffff:10.0.0.0/103",
  // Two halves of all addresses.
  "0.0.0.0/1,128.0.0.0/1",
  "10.0.0.0/7",
  "::/1,8000::/1",
  "2000::/3",
  "10.0.0.1,0.0.0.0/0",
])("%j is no way to trust a proxy", (setting) => {
  expect(() => parseTrustProxy(setting)).toThrow(/must/);
});
