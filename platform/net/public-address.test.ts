import { expect, test } from "vitest";
import { isPublicAddress } from "./public-address.ts";

test("addresses of the Internet are public", () => {
  for (const address of ["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "192.169.0.1", "100.128.0.1"])
    expect(isPublicAddress(address), address).toBe(true);
  for (const address of ["2606:4700:4700::1111", "2a00:1450:4001:830::200e"])
    expect(isPublicAddress(address), address).toBe(true);
});

test("our own machine and network, and other names of them, are not", () => {
  const addresses = [
    ...["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    ...["169.254.169.254", "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255"],
    ...["::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1"],
    ...["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:7f00:1", "::127.0.0.1"],
    ...["64:ff9b::7f00:1", "2002:7f00:1::1", "2001::1", "2001:db8::1"],
    ...["", "localhost", "example.org", "0x7f.1", "127.1"],
  ];
  for (const address of addresses) expect(isPublicAddress(address), address).toBe(false);
});
